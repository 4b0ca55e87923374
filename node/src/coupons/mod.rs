//! Coupons: issued by campaigns, used with orders.
//!
//! ```text
//!  claim ─┐                                     PayHold ──reserve──► RESERVED for the hold ──BeginPayment──► the order's
//!  issue ─┴─► desk: many at once, one statement            give_back ◄── rejected              (with the journal, I14)
//! ```
//!
//! Invariant: no coupon is issued beyond its campaign's stock, and none is used by two orders. Both are kept by the store;
//! what is checked here only says why not.

mod bill;
mod birthday;
mod bulk;
mod desk;
mod error;
mod places;
mod terms;

use std::sync::Arc;

use earlybird_engine::{CouponUse, Timestamp};
use earlybird_persistence::{
    BuyerId, CampaignId, CampaignRow, CouponId, CouponRow, CouponState, CreateOutcome, HoldToken,
    NewCampaign, Store, StoreError, UnixMillis,
};
use quick_cache::sync::Cache;
use tokio::sync::MutexGuard;

pub use bill::bill;
pub(crate) use birthday::Birthday;
pub use birthday::{BirthdayOptions, LeapDay};
pub use bulk::{AUDIENCE_EVERYONE, AUDIENCE_GRADE, AUDIENCE_MEMBERS};
pub(crate) use bulk::{Bulk, Issuer};
use desk::Desk;
pub use desk::IssueError;
pub use error::CouponError;
use places::Places;
pub use terms::{Bill, Discount, Line, Terms, Validity};

use crate::clock::Clock;

/// Terms kept at hand.
const TERMS_CACHED_MAX: usize = 1_000;

/// Coupons and campaigns of a node.
pub struct Coupons {
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    /// Terms never change, so nothing goes stale.
    terms: Cache<CampaignId, Arc<Terms>>,
    desk: Desk,
    places: Places,
}

impl Coupons {
    /// Coupons of `store`. Claims are decided by [`Coupons::run_desk`].
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<Clock>, claims_waiting_max: usize) -> Arc<Self> {
        let desk = Desk::new(claims_waiting_max);
        Arc::new(Self { store, clock, terms: Cache::new(TERMS_CACHED_MAX), desk, places: Places::default() })
    }

    /// Creates a campaign, once per request (I8).
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn create(&self, campaign: &NewCampaign) -> Result<CreateOutcome<CampaignRow>, StoreError> {
        self.store.create_campaign(campaign).await
    }

    /// What coupons of a campaign are good for; none when there is no such campaign.
    ///
    /// # Errors
    /// The store does not answer, or has what nobody wrote.
    pub async fn terms(&self, id: &CampaignId) -> Result<Option<Arc<Terms>>, StoreError> {
        if let Some(terms) = self.terms.get(id) {
            return Ok(Some(terms));
        }
        let Some(row) = self.store.campaign(id).await? else { return Ok(None) };
        let terms = Arc::new(decode_terms(&row)?);
        self.terms.insert(id.clone(), Arc::clone(&terms));
        Ok(Some(terms))
    }

    /// What a coupon takes off a bill of its owner, if a hold of theirs may use it. Changes nothing.
    ///
    /// # Errors
    /// See [`CouponError`].
    pub async fn quote(
        &self,
        coupon: CouponId,
        buyer: &BuyerId,
        token: &HoldToken,
        bill: &Bill<'_>,
        now: Timestamp,
    ) -> Result<CouponUse, CouponError> {
        let row = self.store.coupon(coupon).await?.ok_or(CouponError::NotFound)?;
        check_usable(&row, buyer, token, UnixMillis(now.0))?;
        let terms = self.terms(&row.campaign).await?.ok_or(CouponError::CampaignNotFound)?;
        match terms.valid_from {
            // A hold that has the coupon has passed this already.
            Some(valid_from) if now.0 < valid_from && row.state == CouponState::Issued => {
                return Err(CouponError::NotYetValid { valid_from: UnixMillis(valid_from) });
            }
            _ => {}
        }
        Ok(CouponUse { coupon: coupon.to_string().into(), discount_minor: terms.discount_minor(bill)? })
    }

    /// Waits until nobody else reserves or gives back a coupon for the hold. Keep it from the reservation to the word of the
    /// shard: else whoever is rejected could give back the coupon of one that is just being accepted (I14).
    pub(crate) async fn place(&self, token: &HoldToken) -> MutexGuard<'_, ()> {
        self.places.of(token).await
    }

    /// Takes a coupon for a hold alone, and tells what it takes off. The hold may ask again, and is told the same.
    ///
    /// When the payment then does not begin, call [`Coupons::give_back`], unless it did not because another payment of the
    /// hold is under way: that one has the coupon.
    ///
    /// # Errors
    /// See [`CouponError`]; nothing was taken.
    pub async fn reserve(
        &self,
        coupon: CouponId,
        buyer: &BuyerId,
        token: &HoldToken,
        bill: &Bill<'_>,
        now: Timestamp,
    ) -> Result<CouponUse, CouponError> {
        let reserved = self.quote(coupon, buyer, token, bill, now).await?;
        let now = UnixMillis(now.0);
        if self.store.reserve_coupon(coupon, buyer, token, now).await?.is_some() {
            return Ok(reserved);
        }
        // Another was quicker, since it was looked at.
        let row = self.store.coupon(coupon).await?.ok_or(CouponError::NotFound)?;
        check_usable(&row, buyer, token, now)?;
        Err(CouponError::Reserved)
    }

    /// Takes a coupon once more for the hold of a declined order whose money came late. Returns whether the hold has it now,
    /// and no other order.
    ///
    /// # Errors
    /// The store does not answer; it may be repeated.
    pub(crate) async fn take_up(
        &self,
        coupon: CouponId,
        buyer: &BuyerId,
        token: &HoldToken,
    ) -> Result<bool, StoreError> {
        let now = UnixMillis(self.clock.now().0);
        let row = self.store.reserve_coupon(coupon, buyer, token, now).await?;
        Ok(row.is_some_and(|row| row.order.is_none()))
    }

    /// Gives back a coupon that was taken for a hold whose payment did not begin. One that is not told is given back by the
    /// expiry job after a while.
    pub async fn give_back(&self, coupon: CouponId, token: &HoldToken) {
        if let Err(error) = self.store.give_back_coupon(coupon, token).await {
            tracing::debug!(%error, %coupon, "cannot give a coupon back yet");
        }
    }
}

/// Whether a buyer's hold may use a coupon, as far as its row says.
fn check_usable(
    row: &CouponRow,
    buyer: &BuyerId,
    token: &HoldToken,
    now: UnixMillis,
) -> Result<(), CouponError> {
    if row.member != *buyer {
        return Err(CouponError::NotOwner);
    }
    match row.state {
        CouponState::Issued if now < row.expires_at => Ok(()),
        CouponState::Issued | CouponState::Expired => Err(CouponError::Expired),
        // The same payment again: whatever became of it is told when the hold is looked at.
        CouponState::Reserved | CouponState::Redeemed if row.reserved_for.as_ref() == Some(token) => Ok(()),
        CouponState::Reserved => Err(CouponError::Reserved),
        CouponState::Redeemed => Err(CouponError::Used),
    }
}

/// The terms that a campaign was stored with.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode_terms(row: &CampaignRow) -> Result<Terms, StoreError> {
    serde_json::from_slice(&row.campaign.terms).map_err(|error| StoreError::Corrupt {
        what: format!("the terms of campaign {}: {error}", row.campaign.id),
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
