//! Members, coupons and jobs on PostgreSQL: on connections of their own, since none of it is on the path of a hold.

use async_trait::async_trait;

use crate::catalog::CreateOutcome;
use crate::coupon_queries::postgres as coupons;
use crate::coupons::{CampaignRow, CouponRow, CouponStore, HoldToken, IssueBatch, IssueOutcome, NewCampaign};
use crate::error::StoreError;
use crate::ids::{BuyerId, CampaignId, CouponId, JobId, NodeId, UnixMillis};
use crate::job_queries::postgres as jobs;
use crate::jobs::{JobCursor, JobEnd, JobRow, JobStore, NewJob};
use crate::member_queries::postgres as members;
use crate::members::{MemberFilter, MemberRow, MemberStore};
use crate::wait::answer_within;

use super::{PostgresStore, on};

#[async_trait]
impl MemberStore for PostgresStore {
    async fn put_members(&self, members: &[MemberRow]) -> Result<u64, StoreError> {
        on!(self.workers, |connection| members::put_members(connection, members))
    }

    async fn member(&self, id: &BuyerId) -> Result<Option<MemberRow>, StoreError> {
        on!(self.readers, |connection| members::member(connection, id))
    }

    async fn grades_of(&self, ids: &[BuyerId]) -> Result<Vec<(BuyerId, Option<Box<str>>)>, StoreError> {
        on!(self.readers, |connection| members::grades_of(connection, ids))
    }

    async fn list_members(
        &self,
        filter: &MemberFilter,
        after: Option<&BuyerId>,
        limit: usize,
    ) -> Result<Vec<MemberRow>, StoreError> {
        on!(self.readers, |connection| members::list_members(connection, filter, after, limit))
    }

    async fn count_members(&self, filter: &MemberFilter) -> Result<u64, StoreError> {
        on!(self.readers, |connection| members::count_members(connection, filter))
    }

    async fn delete_member(&self, id: &BuyerId) -> Result<bool, StoreError> {
        on!(self.workers, |connection| members::delete_member(connection, id))
    }
}

#[async_trait]
impl CouponStore for PostgresStore {
    async fn create_campaign(
        &self,
        campaign: &NewCampaign,
    ) -> Result<CreateOutcome<CampaignRow>, StoreError> {
        on!(self.workers, |connection| coupons::create_campaign(connection, campaign))
    }

    async fn campaign(&self, id: &CampaignId) -> Result<Option<CampaignRow>, StoreError> {
        on!(self.readers, |connection| coupons::campaign(connection, id))
    }

    async fn list_campaigns(
        &self,
        after: Option<&CampaignId>,
        limit: usize,
    ) -> Result<Vec<CampaignRow>, StoreError> {
        on!(self.readers, |connection| coupons::list_campaigns(connection, after, limit))
    }

    async fn birthday_campaigns(
        &self,
        now: UnixMillis,
        after: Option<&CampaignId>,
        limit: usize,
    ) -> Result<Vec<CampaignRow>, StoreError> {
        on!(self.readers, |connection| coupons::birthday_campaigns(connection, now, after, limit))
    }

    async fn end_campaign(
        &self,
        id: &CampaignId,
        ends_at: Option<UnixMillis>,
        now: UnixMillis,
    ) -> Result<Option<CampaignRow>, StoreError> {
        on!(self.workers, |connection| coupons::end_campaign(connection, id, ends_at, now))
    }

    async fn issue_coupons(&self, batch: &IssueBatch) -> Result<Vec<IssueOutcome>, StoreError> {
        on!(self.workers, |connection| coupons::issue_coupons(connection, batch))
    }

    async fn coupon(&self, id: CouponId) -> Result<Option<CouponRow>, StoreError> {
        on!(self.readers, |connection| coupons::coupon(connection, id))
    }

    async fn list_coupons(
        &self,
        member: &BuyerId,
        before: Option<CouponId>,
        limit: usize,
    ) -> Result<Vec<CouponRow>, StoreError> {
        on!(self.readers, |connection| coupons::list_coupons(connection, member, before, limit))
    }

    async fn reserve_coupon(
        &self,
        id: CouponId,
        member: &BuyerId,
        token: &HoldToken,
        now: UnixMillis,
    ) -> Result<Option<CouponRow>, StoreError> {
        on!(self.workers, |connection| coupons::reserve_coupon(connection, id, member, token, now))
    }

    async fn give_back_coupon(&self, id: CouponId, token: &HoldToken) -> Result<bool, StoreError> {
        on!(self.workers, |connection| coupons::give_back_coupon(connection, id, token))
    }

    async fn expire_coupons(&self, now: UnixMillis, limit: usize) -> Result<u64, StoreError> {
        on!(self.workers, |connection| coupons::expire_coupons(connection, now, limit))
    }

    async fn give_back_stale_coupons(&self, before: UnixMillis, limit: usize) -> Result<u64, StoreError> {
        on!(self.workers, |connection| coupons::give_back_stale_coupons(connection, before, limit))
    }
}

#[async_trait]
impl JobStore for PostgresStore {
    async fn create_job(&self, job: &NewJob) -> Result<CreateOutcome<JobRow>, StoreError> {
        on!(self.workers, |connection| jobs::create_job(connection, job))
    }

    async fn job(&self, id: &JobId) -> Result<Option<JobRow>, StoreError> {
        on!(self.readers, |connection| jobs::job(connection, id))
    }

    async fn list_jobs(&self, after: Option<&JobCursor>, limit: usize) -> Result<Vec<JobRow>, StoreError> {
        on!(self.readers, |connection| jobs::list_jobs(connection, after, limit))
    }

    async fn take_job(
        &self,
        kinds: &[&str],
        holder: &NodeId,
        now: UnixMillis,
        lease_until: UnixMillis,
    ) -> Result<Option<JobRow>, StoreError> {
        on!(self.workers, |connection| jobs::take_job(connection, kinds, holder, now, lease_until))
    }

    async fn keep_job(
        &self,
        held: &JobRow,
        now: UnixMillis,
        lease_until: UnixMillis,
    ) -> Result<Option<JobRow>, StoreError> {
        on!(self.workers, |connection| jobs::keep_job(connection, held, now, lease_until))
    }

    async fn end_job(&self, held: &JobRow, end: &JobEnd, now: UnixMillis) -> Result<bool, StoreError> {
        on!(self.workers, |connection| jobs::end_job(connection, held, end, now))
    }

    async fn yield_job(&self, held: &JobRow, until: UnixMillis, now: UnixMillis) -> Result<(), StoreError> {
        on!(self.workers, |connection| jobs::yield_job(connection, held, until, now))
    }

    async fn cancel_job(&self, id: &JobId, now: UnixMillis) -> Result<Option<JobRow>, StoreError> {
        on!(self.workers, |connection| jobs::cancel_job(connection, id, now))
    }

    async fn prune_jobs(&self, before: UnixMillis, limit: usize) -> Result<u64, StoreError> {
        on!(self.workers, |connection| jobs::prune_jobs(connection, before, limit))
    }
}
