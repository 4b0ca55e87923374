//! Members, coupons and jobs on SQLite.

use async_trait::async_trait;

use crate::catalog::CreateOutcome;
use crate::coupon_queries::sqlite as coupons;
use crate::coupons::{CampaignRow, CouponRow, CouponStore, HoldToken, IssueBatch, IssueOutcome, NewCampaign};
use crate::error::StoreError;
use crate::ids::{BuyerId, CampaignId, CouponId, JobId, NodeId, UnixMillis};
use crate::job_queries::sqlite as jobs;
use crate::jobs::{JobCursor, JobEnd, JobRow, JobStore, NewJob};
use crate::member_queries::sqlite as members;
use crate::members::{MemberFilter, MemberRow, MemberStore};

use super::SqliteStore;

#[async_trait]
impl MemberStore for SqliteStore {
    async fn put_members(&self, members: &[MemberRow]) -> Result<u64, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(members::put_members(&mut connection, members)).await
    }

    async fn member(&self, id: &BuyerId) -> Result<Option<MemberRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(members::member(&mut connection, id)).await
    }

    async fn grades_of(&self, ids: &[BuyerId]) -> Result<Vec<(BuyerId, Option<Box<str>>)>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(members::grades_of(&mut connection, ids)).await
    }

    async fn list_members(
        &self,
        filter: &MemberFilter,
        after: Option<&BuyerId>,
        limit: usize,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(members::list_members(&mut connection, filter, after, limit)).await
    }

    async fn count_members(&self, filter: &MemberFilter) -> Result<u64, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(members::count_members(&mut connection, filter)).await
    }

    async fn delete_member(&self, id: &BuyerId) -> Result<bool, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(members::delete_member(&mut connection, id)).await
    }
}

#[async_trait]
impl CouponStore for SqliteStore {
    async fn create_campaign(
        &self,
        campaign: &NewCampaign,
    ) -> Result<CreateOutcome<CampaignRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::create_campaign(&mut connection, campaign)).await
    }

    async fn campaign(&self, id: &CampaignId) -> Result<Option<CampaignRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::campaign(&mut connection, id)).await
    }

    async fn list_campaigns(
        &self,
        after: Option<&CampaignId>,
        limit: usize,
    ) -> Result<Vec<CampaignRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::list_campaigns(&mut connection, after, limit)).await
    }

    async fn birthday_campaigns(
        &self,
        now: UnixMillis,
        after: Option<&CampaignId>,
        limit: usize,
    ) -> Result<Vec<CampaignRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::birthday_campaigns(&mut connection, now, after, limit)).await
    }

    async fn end_campaign(
        &self,
        id: &CampaignId,
        ends_at: Option<UnixMillis>,
        now: UnixMillis,
    ) -> Result<Option<CampaignRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::end_campaign(&mut connection, id, ends_at, now)).await
    }

    async fn issue_coupons(&self, batch: &IssueBatch) -> Result<Vec<IssueOutcome>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::issue_coupons(&mut connection, batch)).await
    }

    async fn coupon(&self, id: CouponId) -> Result<Option<CouponRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::coupon(&mut connection, id)).await
    }

    async fn list_coupons(
        &self,
        member: &BuyerId,
        before: Option<CouponId>,
        limit: usize,
    ) -> Result<Vec<CouponRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::list_coupons(&mut connection, member, before, limit)).await
    }

    async fn reserve_coupon(
        &self,
        id: CouponId,
        member: &BuyerId,
        token: &HoldToken,
        now: UnixMillis,
    ) -> Result<Option<CouponRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::reserve_coupon(&mut connection, id, member, token, now)).await
    }

    async fn give_back_coupon(&self, id: CouponId, token: &HoldToken) -> Result<bool, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::give_back_coupon(&mut connection, id, token)).await
    }

    async fn expire_coupons(&self, now: UnixMillis, limit: usize) -> Result<u64, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::expire_coupons(&mut connection, now, limit)).await
    }

    async fn give_back_stale_coupons(&self, before: UnixMillis, limit: usize) -> Result<u64, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(coupons::give_back_stale_coupons(&mut connection, before, limit)).await
    }
}

#[async_trait]
impl JobStore for SqliteStore {
    async fn create_job(&self, job: &NewJob) -> Result<CreateOutcome<JobRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(jobs::create_job(&mut connection, job)).await
    }

    async fn job(&self, id: &JobId) -> Result<Option<JobRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(jobs::job(&mut connection, id)).await
    }

    async fn list_jobs(&self, after: Option<&JobCursor>, limit: usize) -> Result<Vec<JobRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(jobs::list_jobs(&mut connection, after, limit)).await
    }

    async fn take_job(
        &self,
        kinds: &[&str],
        holder: &NodeId,
        now: UnixMillis,
        lease_until: UnixMillis,
    ) -> Result<Option<JobRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(jobs::take_job(&mut connection, kinds, holder, now, lease_until)).await
    }

    async fn keep_job(
        &self,
        held: &JobRow,
        now: UnixMillis,
        lease_until: UnixMillis,
    ) -> Result<Option<JobRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(jobs::keep_job(&mut connection, held, now, lease_until)).await
    }

    async fn end_job(&self, held: &JobRow, end: &JobEnd, now: UnixMillis) -> Result<bool, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(jobs::end_job(&mut connection, held, end, now)).await
    }

    async fn yield_job(&self, held: &JobRow, until: UnixMillis, now: UnixMillis) -> Result<(), StoreError> {
        let mut connection = self.reader().await?;
        self.answer(jobs::yield_job(&mut connection, held, until, now)).await
    }

    async fn cancel_job(&self, id: &JobId, now: UnixMillis) -> Result<Option<JobRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(jobs::cancel_job(&mut connection, id, now)).await
    }

    async fn prune_jobs(&self, before: UnixMillis, limit: usize) -> Result<u64, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(jobs::prune_jobs(&mut connection, before, limit)).await
    }
}
