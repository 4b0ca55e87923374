//! Issuing and claiming coupons.

use std::collections::HashSet;

use earlybird_persistence::{BuyerId, CampaignId, CouponRow, Fingerprint, JobRow, RequestId};
use earlybird_proto::v1::{self, issue_coupons_request::Audience};

use super::{Method, fingerprint, no_campaign, wire_coupon};
use crate::coupons::{AUDIENCE_EVERYONE, AUDIENCE_GRADE, AUDIENCE_MEMBERS, IssueError};
use crate::ingress::status::Problem;
use crate::ingress::{Ingress, names, validate};
use crate::jobs::Arguments;

/// Most members that are named in one request.
const MEMBERS_NAMED_MAX: usize = 10_000;

impl Ingress {
    pub(super) async fn issue_coupon(
        &self,
        mut request: v1::IssueCouponRequest,
    ) -> Result<v1::Coupon, Problem> {
        let request_id = request_id(&std::mem::take(&mut request.request_id))?;
        let stamp = (request_id, fingerprint(Method::IssueCoupon, &request));
        self.issue(&request.campaign, request.member_id, stamp).await
    }

    pub(super) async fn claim_coupon(
        &self,
        mut request: v1::ClaimCouponRequest,
    ) -> Result<v1::Coupon, Problem> {
        let request_id = request_id(&std::mem::take(&mut request.request_id))?;
        let stamp = (request_id, fingerprint(Method::ClaimCoupon, &request));
        self.issue(&request.campaign, request.member_id, stamp).await
    }

    async fn issue(
        &self,
        campaign: &str,
        member: String,
        stamp: (RequestId, Fingerprint),
    ) -> Result<v1::Coupon, Problem> {
        let campaign = CampaignId::from(names::campaign("campaign", campaign)?);
        let member: BuyerId = validate::member(member)?;
        let claim = self.node.coupons.claim(campaign, member, stamp);
        // Out of time it may be decided all the same: the outcome is unknown, and the same request tells it.
        let claimed: Result<CouponRow, IssueError> =
            tokio::time::timeout(self.options.request_timeout, claim)
                .await
                .unwrap_or(Err(IssueError::Unavailable));
        Ok(wire_coupon(&claimed?, self.node.clock.now()))
    }

    pub(super) async fn issue_coupons(
        &self,
        mut request: v1::IssueCouponsRequest,
    ) -> Result<JobRow, Problem> {
        let request_id = request_id(&std::mem::take(&mut request.request_id))?;
        let fingerprint = fingerprint(Method::IssueCoupons, &request);
        let campaign = CampaignId::from(names::campaign("campaign", &request.campaign)?);
        let (audience, whom) = match request.audience {
            Some(Audience::Members(list)) => (AUDIENCE_MEMBERS, member_lines(&list.member_ids)?),
            Some(Audience::Grade(grade)) => {
                let grade = validate::grade(grade)?.ok_or_else(|| Problem::field("grade", "required"))?;
                (AUDIENCE_GRADE, grade.0.into_string())
            }
            Some(Audience::Everyone(true)) => (AUDIENCE_EVERYONE, "true".to_owned()),
            Some(Audience::Everyone(false)) => return Err(Problem::field("everyone", "must be true")),
            None => return Err(Problem::field("audience", "required: members, grade or everyone")),
        };
        self.node.coupons.terms(&campaign).await?.ok_or_else(no_campaign)?;
        let arguments: Arguments =
            [("campaign".to_owned(), campaign.to_string()), (audience.to_owned(), whom)].into();
        Ok(self.node.jobs.start("issue-coupons", &arguments, (request_id, fingerprint)).await?)
    }
}

fn request_id(text: &str) -> Result<RequestId, Problem> {
    Ok(RequestId(validate::request_id(text)?.0))
}

/// Members as the job takes them: one to a line, which no id contains.
fn member_lines(members: &[String]) -> Result<String, Problem> {
    if members.is_empty() || members.len() > MEMBERS_NAMED_MAX {
        let what = format!("{} of them, 1 to {MEMBERS_NAMED_MAX} are accepted", members.len());
        return Err(Problem::field("members.member_ids", what));
    }
    let mut seen = HashSet::with_capacity(members.len());
    for (index, member) in members.iter().enumerate() {
        let wrong =
            |what: String| Problem::field("members.member_ids", format!("number {}: {what}", index + 1));
        validate::buyer_form(member).map_err(wrong)?;
        if !seen.insert(member) {
            return Err(wrong("is named twice".to_owned()));
        }
    }
    Ok(members.join("\n"))
}
