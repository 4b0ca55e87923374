//! The `Coupons` service.

mod campaign;
mod coupon;
mod issue;
mod quote;

use earlybird_engine::Timestamp;
use earlybird_persistence::{CampaignId, Fingerprint, UnixMillis};
use earlybird_proto::v1::{self, coupons_server::Coupons};
use prost::Message;
use tonic::{Request, Response, Status};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use self::campaign::wire_campaign;
use self::coupon::wire_coupon;
use super::catalog::page::Listing;
use super::catalog::time::timestamp;
use super::status::{Problem, Reason};
use super::{Ingress, Services, jobs, names, validate};
use crate::auth::Caller;

const CAMPAIGNS: Listing = Listing { name: "campaigns", size_default: 50, size_max: 1_000 };
const COUPONS: Listing = Listing { name: "coupons", size_default: 50, size_max: 1_000 };

/// Which method a request id was used with. The numbers are stored, and never change.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Method {
    CreateCampaign = 1,
    IssueCoupon = 2,
    IssueCoupons = 3,
    ClaimCoupon = 4,
}

/// The fingerprint of a request whose `request_id` was taken out (I8). Fields are encoded in their order, so the same request
/// has the same one.
fn fingerprint(method: Method, request: &impl Message) -> Fingerprint {
    Fingerprint(xxh3_64_with_seed(&request.encode_to_vec(), method as u64))
}

fn no_campaign() -> Problem {
    Problem::new(Reason::CampaignNotFound, "no such campaign")
}

impl Ingress {
    async fn get_campaign(&self, name: &str) -> Result<v1::Campaign, Problem> {
        let id = CampaignId::from(names::campaign("name", name)?);
        let row = self.node.store.campaign(&id).await?.ok_or_else(no_campaign)?;
        wire_campaign(&row)
    }

    async fn list_campaigns(
        &self,
        request: v1::ListCampaignsRequest,
    ) -> Result<v1::ListCampaignsResponse, Problem> {
        let (size, after) = CAMPAIGNS.page("", request.page_size, &request.page_token)?;
        let after = after.map(CampaignId::from);
        let mut rows = self.node.store.list_campaigns(after.as_ref(), size + 1).await?;
        let next_page_token = CAMPAIGNS.cut("", &mut rows, size, |row| row.campaign.id.to_string());
        let campaigns = rows.iter().map(wire_campaign).collect::<Result<_, _>>()?;
        Ok(v1::ListCampaignsResponse { campaigns, next_page_token })
    }

    async fn end_campaign(&self, request: v1::EndCampaignRequest) -> Result<v1::Campaign, Problem> {
        let id = CampaignId::from(names::campaign("name", &request.name)?);
        let ends_at = request.end_time.as_ref().map(timestamp).transpose();
        let ends_at = ends_at.map_err(|what| Problem::field("end_time", what))?;
        let now = UnixMillis(self.node.clock.now().0);
        let ends_at = ends_at.map(|Timestamp(at)| UnixMillis(at));
        let row = self.node.store.end_campaign(&id, ends_at, now).await?.ok_or_else(no_campaign)?;
        wire_campaign(&row)
    }

    async fn get_coupon(&self, caller: &Caller, name: &str) -> Result<v1::Coupon, Status> {
        let id = names::coupon("name", name)?;
        let found = self.node.store.coupon(id).await.map_err(Problem::from)?;
        let row = found.ok_or_else(|| Problem::new(Reason::CouponNotFound, "no such coupon"))?;
        caller.may_act_for(row.member.as_str())?;
        Ok(wire_coupon(&row, self.node.clock.now()))
    }

    async fn list_coupons(
        &self,
        request: v1::ListCouponsRequest,
    ) -> Result<v1::ListCouponsResponse, Problem> {
        let member = validate::member(request.member_id)?;
        let (size, before) = COUPONS.page(member.as_str(), request.page_size, &request.page_token)?;
        let before = before.as_deref().and_then(earlybird_persistence::CouponId::parse);
        let mut rows = self.node.store.list_coupons(&member, before, size + 1).await?;
        let next_page_token = COUPONS.cut(member.as_str(), &mut rows, size, |row| row.id.to_string());
        let now = self.node.clock.now();
        let coupons = rows.iter().map(|row| wire_coupon(row, now)).collect();
        Ok(v1::ListCouponsResponse { coupons, next_page_token })
    }
}

#[tonic::async_trait]
impl Coupons for Services {
    async fn create_campaign(
        &self,
        request: Request<v1::CreateCampaignRequest>,
    ) -> Result<Response<v1::Campaign>, Status> {
        Caller::of(&request).require_admin()?;
        self.0.create_campaign(request.into_inner()).await.map(Response::new)
    }

    async fn get_campaign(
        &self,
        request: Request<v1::GetCampaignRequest>,
    ) -> Result<Response<v1::Campaign>, Status> {
        Caller::of(&request).require_bff()?;
        Ok(Response::new(self.0.get_campaign(&request.get_ref().name).await?))
    }

    async fn list_campaigns(
        &self,
        request: Request<v1::ListCampaignsRequest>,
    ) -> Result<Response<v1::ListCampaignsResponse>, Status> {
        Caller::of(&request).require_bff()?;
        Ok(Response::new(self.0.list_campaigns(request.into_inner()).await?))
    }

    async fn end_campaign(
        &self,
        request: Request<v1::EndCampaignRequest>,
    ) -> Result<Response<v1::Campaign>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(self.0.end_campaign(request.into_inner()).await?))
    }

    async fn issue_coupon(
        &self,
        request: Request<v1::IssueCouponRequest>,
    ) -> Result<Response<v1::Coupon>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(self.0.issue_coupon(request.into_inner()).await?))
    }

    async fn issue_coupons(
        &self,
        request: Request<v1::IssueCouponsRequest>,
    ) -> Result<Response<v1::Job>, Status> {
        Caller::of(&request).require_admin()?;
        let row = self.0.issue_coupons(request.into_inner()).await?;
        Ok(Response::new(jobs::wire(&row)))
    }

    async fn claim_coupon(
        &self,
        request: Request<v1::ClaimCouponRequest>,
    ) -> Result<Response<v1::Coupon>, Status> {
        Caller::of(&request).may_act_for(&request.get_ref().member_id)?;
        Ok(Response::new(self.0.claim_coupon(request.into_inner()).await?))
    }

    async fn get_coupon(
        &self,
        request: Request<v1::GetCouponRequest>,
    ) -> Result<Response<v1::Coupon>, Status> {
        let caller = Caller::of(&request);
        self.0.get_coupon(&caller, &request.get_ref().name).await.map(Response::new)
    }

    async fn list_coupons(
        &self,
        request: Request<v1::ListCouponsRequest>,
    ) -> Result<Response<v1::ListCouponsResponse>, Status> {
        Caller::of(&request).may_act_for(&request.get_ref().member_id)?;
        Ok(Response::new(self.0.list_coupons(request.into_inner()).await?))
    }

    async fn quote_price(
        &self,
        request: Request<v1::QuotePriceRequest>,
    ) -> Result<Response<v1::PriceQuote>, Status> {
        Caller::of(&request).may_act_for(&request.get_ref().buyer_id)?;
        Ok(Response::new(self.0.quote_price(request.into_inner()).await?))
    }
}
