//! Money that was captured after its order was declined: seats at last, or all of it back.
//!
//! ```text
//!  the order's coupon ──reserve, as PayHold does──► CaptureLate ──sold──► the coupon is the order's again
//!     │ used elsewhere, or past its date              │ else: give back
//!     └──────────────► CaptureLate without it ──► the money goes back
//! ```
//!
//! What was captured is the price less the discount. Without the coupon that is not what the seats cost, and with a coupon that
//! another order uses its discount would be given twice (I14).

use std::sync::Arc;

use earlybird_engine::{Action, OrderId, OrderStateName, OrderView};
use earlybird_persistence::{BuyerId, CouponId, HoldId, HoldToken, PerformanceId};

use super::Payments;
use super::shards::Noted;
use crate::failpoint::die_at;
use crate::shard::Shard;

/// What an order was priced with, and whose it is.
struct Claim {
    coupon: CouponId,
    buyer: BuyerId,
    token: HoldToken,
}

impl Payments {
    /// Decides on the late money of a declined order.
    pub(super) async fn capture_late(&self, performance: &PerformanceId, order: OrderId) {
        let look = |shard: &Arc<Shard>| {
            shard.read(|state| state.order(order).map(|order| claim(performance, &order)))
        };
        let Ok(Some(claim)) = self.on_shard(performance, look).await else { return };
        match claim {
            Some(claim) => self.capture_with_coupon(performance, order, &claim).await,
            None => drop(self.note(performance, Action::CaptureLate { order, has_coupon: false }).await),
        }
    }

    async fn capture_with_coupon(&self, performance: &PerformanceId, order: OrderId, claim: &Claim) {
        let Claim { coupon, token, .. } = claim;
        let _place = self.coupons.place(token).await;
        let has_coupon = self.take_up(claim).await;
        die_at("late-reserved");
        let noted = self.note(performance, Action::CaptureLate { order, has_coupon }).await;
        die_at("late-noted");
        // A reservation that another node may be using is left to the expiry job.
        if !has_coupon || noted == Noted::NotOurs {
            return;
        }
        let is_sold = |shard: &Arc<Shard>| {
            shard.read(|state| state.order(order).map(|order| order.state == OrderStateName::Paid))
        };
        if self.on_shard(performance, is_sold).await == Ok(Some(false)) {
            self.coupons.give_back(*coupon, token).await;
        }
    }

    /// Takes the coupon up again, however long the store takes to answer.
    async fn take_up(&self, Claim { coupon, buyer, token }: &Claim) -> bool {
        loop {
            match self.coupons.take_up(*coupon, buyer, token).await {
                Ok(is_taken) => return is_taken,
                Err(error) => tracing::debug!(%error, %coupon, "cannot take a coupon up again yet"),
            }
            tokio::time::sleep(self.options.retry_after).await;
        }
    }
}

fn claim(performance: &PerformanceId, order: &OrderView<'_>) -> Option<Claim> {
    Some(Claim {
        coupon: CouponId::parse(&order.coupon?.coupon)?,
        buyer: BuyerId::from(&*order.buyer.0),
        token: HoldToken { performance: performance.clone(), hold: HoldId(order.hold.0) },
    })
}
