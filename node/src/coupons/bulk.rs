//! `issue-coupons`: a coupon of a campaign for each of many members.

use std::sync::Arc;

use async_trait::async_trait;
use earlybird_persistence::{
    BuyerId, CampaignId, IssueBatch, IssueOutcome, IssueWish, JobProgress, JobRow, MemberFilter, MemberRow,
    Store, UnixMillis,
};

use super::{Coupons, Terms};
use crate::clock::Clock;
use crate::jobs::{Arguments, JobKind, Step, StepError, argument};

/// Argument: the members themselves, one to a line.
pub const AUDIENCE_MEMBERS: &str = "members";
/// Argument: all members of this grade.
pub const AUDIENCE_GRADE: &str = "grade";
/// Argument: all members.
pub const AUDIENCE_EVERYONE: &str = "everyone";

/// The kind.
pub(crate) struct Bulk {
    /// What issues.
    pub(crate) issuer: Issuer,
}

/// Issues coupons to members, chunk by chunk.
pub(crate) struct Issuer {
    /// Where members and coupons are.
    pub(crate) store: Arc<dyn Store>,
    /// The terms of campaigns.
    pub(crate) coupons: Arc<Coupons>,
    /// The clock.
    pub(crate) clock: Arc<Clock>,
    /// Members of one step.
    pub(crate) chunk_rows: usize,
}

#[async_trait]
impl JobKind for Bulk {
    fn name(&self) -> &'static str {
        "issue-coupons"
    }

    fn check(&self, arguments: &Arguments) -> Result<(), String> {
        let audiences = [AUDIENCE_MEMBERS, AUDIENCE_GRADE, AUDIENCE_EVERYONE];
        let given: Vec<&str> = audiences.into_iter().filter(|name| arguments.contains_key(*name)).collect();
        let [audience] = given.as_slice() else {
            return Err(format!("one of {} is required", audiences.join(", ")));
        };
        crate::jobs::only(arguments, &["campaign", audience])
    }

    async fn step(&self, job: &JobRow, arguments: &Arguments) -> Result<Step, StepError> {
        let campaign = argument(arguments, "campaign")?;
        // The job is the occasion, so a member has one coupon of it however often a step is done.
        let occasion = job.job.id.as_str();
        let before = &job.progress;
        if let Some(members) = arguments.get(AUDIENCE_MEMBERS) {
            let done = usize::try_from(before.done).unwrap_or(usize::MAX);
            let chunk: Vec<BuyerId> =
                members.lines().skip(done).take(self.issuer.chunk_rows).map(BuyerId::from).collect();
            let total = Some(members.lines().count() as u64);
            self.issuer.issue(campaign, occasion, &chunk).await?;
            let progress = JobProgress { done: before.done + chunk.len() as u64, total, ..before.clone() };
            let is_last = Some(progress.done) >= total;
            return Ok(if is_last { Step::Done(progress) } else { Step::More(progress) });
        }
        let filter = match arguments.get(AUDIENCE_GRADE) {
            Some(grade) => MemberFilter::Grade(grade.as_str().into()),
            None => MemberFilter::All,
        };
        let total = match before.total {
            Some(total) => total,
            None => self.issuer.store.count_members(&filter).await?,
        };
        let after = Some(&*before.cursor).filter(|cursor| !cursor.is_empty()).map(BuyerId::from);
        let chunk = self.issuer.store.list_members(&filter, after.as_ref(), self.issuer.chunk_rows).await?;
        let members: Vec<BuyerId> = chunk.into_iter().map(|member: MemberRow| member.id).collect();
        self.issuer.issue(campaign, occasion, &members).await?;
        let done = before.done + members.len() as u64;
        let cursor = members.last().map_or_else(|| before.cursor.clone(), |last| last.as_str().into());
        // Members may have come since they were counted.
        let progress = JobProgress { cursor, done, total: Some(total.max(done)) };
        let is_last = members.len() < self.issuer.chunk_rows;
        Ok(if is_last { Step::Done(progress) } else { Step::More(progress) })
    }
}

impl Issuer {
    /// Issues a coupon for an occasion to each of these members who has none for it.
    pub(crate) async fn issue(
        &self,
        campaign: &str,
        occasion: &str,
        members: &[BuyerId],
    ) -> Result<(), StepError> {
        let campaign = CampaignId::from(campaign);
        let terms: Arc<Terms> = self
            .coupons
            .terms(&campaign)
            .await?
            .ok_or_else(|| StepError::Fatal(format!("there is no campaign {campaign}")))?;
        if members.is_empty() {
            return Ok(());
        }
        let now = UnixMillis(self.clock.now().0);
        let wishes = members.iter().map(|member| IssueWish {
            member: member.clone(),
            occasion: occasion.into(),
            request: None,
            expires_at: terms.expires_at(now),
        });
        let batch = IssueBatch { campaign, wishes: wishes.collect(), now };
        let refused = |why: &str| Err(StepError::Fatal(format!("campaign {}: {why}", batch.campaign)));
        for outcome in self.store.issue_coupons(&batch).await? {
            match outcome {
                // A member who has had enough is passed over; the others are not to suffer for it.
                IssueOutcome::Issued(_) | IssueOutcome::Repeated(_) | IssueOutcome::LimitReached => {}
                IssueOutcome::OutOfStock => return refused("all coupons were issued"),
                IssueOutcome::NotOpen { .. } => return refused("it has not begun"),
                IssueOutcome::Ended => return refused("it has ended"),
                IssueOutcome::NoCampaign => return refused("it is gone"),
                IssueOutcome::RequestIdReused => return refused("a request id where there is none"),
            }
        }
        Ok(())
    }
}
