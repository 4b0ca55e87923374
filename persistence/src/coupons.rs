//! Coupons and the campaigns that they come from.

use async_trait::async_trait;
use bytes::Bytes;

use crate::catalog::{CreateOutcome, Fingerprint, RequestId};
use crate::error::StoreError;
use crate::ids::{BuyerId, CampaignId, CouponId, HoldId, OrderId, PerformanceId, UnixMillis};

/// The most coupons of one [`CouponStore::issue_coupons`].
pub const ISSUE_MAX: usize = 10_000;

/// A campaign to create.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewCampaign {
    /// Its name, unique among campaigns.
    pub id: CampaignId,
    /// The request that creates it.
    pub request_id: RequestId,
    /// The hash of that request's body.
    pub fingerprint: Fingerprint,
    /// The name shown to people.
    pub display_name: Box<str>,
    /// What its coupons are good for, opaque to the store.
    pub terms: Bytes,
    /// The most coupons that are ever issued; none is no limit.
    pub stock: Option<u64>,
    /// The most coupons that one member is ever issued; none is no limit.
    pub per_member_max: Option<u32>,
    /// Nothing is issued before.
    pub opens_at: UnixMillis,
    /// Nothing is issued from here on; coupons that were issued keep their own dates.
    pub ends_at: Option<UnixMillis>,
    /// Whether a full refund of the order returns a coupon that was used.
    pub returns_on_refund: bool,
    /// Whether members are issued one on their birthday.
    pub is_birthday: bool,
    /// When it was created.
    pub created_at: UnixMillis,
}

/// A stored campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CampaignRow {
    /// What it was created with; the end may have been changed since.
    pub campaign: NewCampaign,
    /// How many coupons were issued.
    pub issued: u64,
    /// When it changed last, issues aside.
    pub updated_at: UnixMillis,
}

/// Where a coupon stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CouponState {
    /// It may be used, if its date is to come.
    Issued,
    /// A payment with it is under way.
    Reserved,
    /// It was used.
    Redeemed,
    /// Its date passed.
    Expired,
}

/// The hold that a coupon is reserved for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HoldToken {
    /// The hold's performance.
    pub performance: PerformanceId,
    /// The hold.
    pub hold: HoldId,
}

/// A stored coupon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CouponRow {
    /// Its id.
    pub id: CouponId,
    /// Where it comes from.
    pub campaign: CampaignId,
    /// Whose it is.
    pub member: BuyerId,
    /// The request that asked for it, if it was asked for by one.
    pub request: Option<(RequestId, Fingerprint)>,
    /// Where it stands.
    pub state: CouponState,
    /// Whether a full refund returns it.
    pub returns_on_refund: bool,
    /// When it was issued.
    pub issued_at: UnixMillis,
    /// First moment at which it cannot be used any more.
    pub expires_at: UnixMillis,
    /// What it is reserved for, or was used by.
    pub reserved_for: Option<HoldToken>,
    /// When it was reserved.
    pub reserved_at: Option<UnixMillis>,
    /// The order that has it.
    pub order: Option<(PerformanceId, OrderId)>,
}

/// A coupon that is wished for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssueWish {
    /// For whom.
    pub member: BuyerId,
    /// The occasion: there is one coupon for each campaign, member and occasion.
    pub occasion: Box<str>,
    /// The request that asks for it, if one does.
    pub request: Option<(RequestId, Fingerprint)>,
    /// First moment at which it cannot be used any more.
    pub expires_at: UnixMillis,
}

/// Coupons that are wished for together, in their order: what is left of the stock goes to the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssueBatch {
    /// From which campaign.
    pub campaign: CampaignId,
    /// At most [`ISSUE_MAX`].
    pub wishes: Vec<IssueWish>,
    /// Now.
    pub now: UnixMillis,
}

/// What became of a wish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IssueOutcome {
    /// Here it is.
    Issued(Box<CouponRow>),
    /// It was issued before: for the same occasion, or to the same request.
    Repeated(Box<CouponRow>),
    /// The request id belongs to another request.
    RequestIdReused,
    /// The member has had as many as the campaign grants.
    LimitReached,
    /// All were issued.
    OutOfStock,
    /// The campaign has not begun.
    NotOpen {
        /// When it begins.
        opens_at: UnixMillis,
    },
    /// The campaign has ended, or the coupon could not be used any more.
    Ended,
    /// There is no such campaign.
    NoCampaign,
}

/// Coupons in the store.
#[async_trait]
pub trait CouponStore {
    /// Creates a campaign, once per request id (I8).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: repeat it with the same request id. [`StoreError::Invalid`].
    async fn create_campaign(&self, campaign: &NewCampaign)
    -> Result<CreateOutcome<CampaignRow>, StoreError>;

    /// The campaign of that name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn campaign(&self, id: &CampaignId) -> Result<Option<CampaignRow>, StoreError>;

    /// Up to `limit` campaigns by id, those after the given one (exclusive).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn list_campaigns(
        &self,
        after: Option<&CampaignId>,
        limit: usize,
    ) -> Result<Vec<CampaignRow>, StoreError>;

    /// Up to `limit` of the campaigns whose coupons are issued on birthdays and that have not ended by `now`, by id, those
    /// after the given one (exclusive).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn birthday_campaigns(
        &self,
        now: UnixMillis,
        after: Option<&CampaignId>,
        limit: usize,
    ) -> Result<Vec<CampaignRow>, StoreError>;

    /// Sets when a campaign ends, and returns it; none when there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated. [`StoreError::Corrupt`].
    async fn end_campaign(
        &self,
        id: &CampaignId,
        ends_at: Option<UnixMillis>,
        now: UnixMillis,
    ) -> Result<Option<CampaignRow>, StoreError>;

    /// Issues coupons: all that are due, in one transaction. One outcome for each wish, in their order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: none or all were issued; it may be repeated. [`StoreError::Invalid`].
    async fn issue_coupons(&self, batch: &IssueBatch) -> Result<Vec<IssueOutcome>, StoreError>;

    /// The coupon of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn coupon(&self, id: CouponId) -> Result<Option<CouponRow>, StoreError>;

    /// Up to `limit` coupons of a member, newest first, those before the given one (exclusive).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn list_coupons(
        &self,
        member: &BuyerId,
        before: Option<CouponId>,
        limit: usize,
    ) -> Result<Vec<CouponRow>, StoreError>;

    /// Reserves a member's coupon for a hold. The same hold may ask again, also when its order has the coupon already. None
    /// when the coupon cannot be had: read it to see why.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated. [`StoreError::Corrupt`].
    async fn reserve_coupon(
        &self,
        id: CouponId,
        member: &BuyerId,
        token: &HoldToken,
        now: UnixMillis,
    ) -> Result<Option<CouponRow>, StoreError>;

    /// Gives back a coupon that is reserved for this hold and bound to no order. Returns whether it was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn give_back_coupon(&self, id: CouponId, token: &HoldToken) -> Result<bool, StoreError>;

    /// Ends up to `limit` coupons whose date has passed, but none that is reserved. Returns how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn expire_coupons(&self, now: UnixMillis, limit: usize) -> Result<u64, StoreError>;

    /// Gives back up to `limit` coupons that were reserved at `before` or earlier, and that no order has. Returns how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn give_back_stale_coupons(&self, before: UnixMillis, limit: usize) -> Result<u64, StoreError>;
}
