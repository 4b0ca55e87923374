//! A payment with a coupon: the coupon is reserved before the payment begins, and given back when it does not.
//!
//! ```text
//!  PayHold ──► hold as it is ──► reserve (store) ──► BeginPayment with the discount ──► committed: the coupon is the order's
//!                                                        │ rejected: give back
//!                                                        └ outcome unknown: left to the order, or to the expiry job
//! ```
//!
//! Invariant (I14): between the reservation and the word of the shard, no other request of the same hold reserves or gives
//! back. Otherwise one that is rejected could give back the coupon of one that is just being accepted.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Instant;

use earlybird_engine::{Action, Command, CouponUse, HoldId, Rejection};
use earlybird_persistence as store;
use earlybird_persistence::{BuyerId, CouponId, HoldToken};
use tokio::sync::{Mutex, MutexGuard};

use super::Ingress;
use super::status::Problem;
use crate::coupons::bill;
use crate::reply::{Failure, Reply};
use crate::shard::Shard;

/// Payments with coupons that are reserved at once. More wait, and so may two that only share a place.
const PLACES: usize = 1_024;

/// One place for each hold that is being paid with a coupon.
pub(super) struct CouponPlaces(Vec<Mutex<()>>);

impl Default for CouponPlaces {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Mutex::new(())).collect())
    }
}

impl CouponPlaces {
    async fn of(&self, token: &HoldToken) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        (token.performance.as_str(), token.hold.0).hash(&mut hasher);
        let place = hasher.finish() % PLACES as u64;
        self.0[place as usize].lock().await
    }
}

impl Ingress {
    /// Begins a payment with a coupon.
    ///
    /// # Errors
    /// Why the coupon cannot be used; nothing was changed. What the shard says is in the reply.
    pub(super) async fn begin_with_coupon(
        &self,
        shard: &Shard,
        mut command: Command,
        coupon: CouponId,
        expires_at: Instant,
    ) -> Result<Reply, Problem> {
        let Action::BeginPayment { buyer, hold, coupon: place, .. } = &mut command.action else {
            return Err(Problem::mismatch());
        };
        let (hold, buyer) = (*hold, BuyerId::from(&*buyer.0));
        let token = HoldToken { performance: shard.performance().id.clone(), hold: store::HoldId(hold.0) };
        let reserving = async {
            let place = self.coupon_places.of(&token).await;
            Ok((self.reserve(shard, hold, &buyer, coupon, &token).await?, place))
        };
        let (reserved, _place) = tokio::time::timeout_at(expires_at.into(), reserving)
            .await
            .unwrap_or_else(|_| Err(Problem::deadline_exceeded()))?;
        let discount_minor = reserved.unwrap_or(0);
        *place = Some(CouponUse { coupon: coupon.to_string().into(), discount_minor });
        let reply = shard.call(command, Some(expires_at)).await;
        if reserved.is_some() && did_not_begin(&reply) {
            self.node.coupons.give_back(coupon, &token).await;
        }
        Ok(reply)
    }

    /// What the coupon takes off, once it is the hold's. None where there is nothing to reserve it for: the hold is gone,
    /// another's, or being paid. The shard says so, or what it said to the same request before.
    async fn reserve(
        &self,
        shard: &Shard,
        hold: HoldId,
        buyer: &BuyerId,
        coupon: CouponId,
        token: &HoldToken,
    ) -> Result<Option<i64>, Problem> {
        let seats = shard.read(|state| {
            let view = state.hold(hold)?;
            (*view.buyer.0 == *buyer.as_str() && view.order.is_none()).then(|| view.seats.to_vec())
        });
        let Some(seats) = seats else { return Ok(None) };
        let bill = bill(shard.performance(), &seats);
        let now = self.node.clock.now();
        let reserved = self.node.coupons.reserve(coupon, buyer, token, &bill, now).await?;
        Ok(Some(reserved.discount_minor))
    }
}

/// Whether it is certain that the payment did not begin by this request or by another of the same hold.
fn did_not_begin(reply: &Reply) -> bool {
    match reply {
        Ok(_) | Err(Failure::Unavailable(_)) => false,
        // Another request of the hold was accepted, and has the coupon if it named it.
        Err(Failure::Rejected(rejection)) => !matches!(rejection, Rejection::PaymentInProgress(_)),
        Err(Failure::Overloaded { .. } | Failure::DeadlineExceeded) => true,
    }
}
