//! A payment with a coupon: the coupon is reserved before the payment begins, and given back when it does not.
//!
//! ```text
//!  PayHold ──► hold as it is ──► reserve (store) ──► BeginPayment with the discount ──► committed: the coupon is the order's
//!               │ answered before                        │ rejected, or the answer of an order that has ended: give back
//!               └──────────────► BeginPayment            └ outcome unknown: left to the order, or to the expiry job
//! ```
//!
//! Invariant (I14): between the reservation and the word of the shard, no other request of the same hold reserves or gives
//! back. Otherwise one that is rejected could give back the coupon of one that is just being accepted.

use std::time::Instant;

use earlybird_engine::{Action, Answer, Command, CouponUse, HoldId, OrderId, OrderStateName, OrderView};
use earlybird_engine::{Rejection, RequestStamp};
use earlybird_persistence as store;
use earlybird_persistence::{BuyerId, CouponId, HoldToken};

use super::Ingress;
use super::status::Problem;
use crate::coupons::bill;
use crate::failpoint::die_at;
use crate::reply::{Failure, Reply, Unavailable};
use crate::shard::Shard;

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
        let (request, hold, buyer) = (command.request, *hold, BuyerId::from(&*buyer.0));
        let token = HoldToken { performance: shard.performance().id.clone(), hold: store::HoldId(hold.0) };
        let reserving = async {
            let place = self.node.coupons.place(&token).await;
            Ok((self.reserve(shard, request, hold, &buyer, coupon, &token).await?, place))
        };
        let (reserved, _place) = tokio::time::timeout_at(expires_at.into(), reserving)
            .await
            .unwrap_or_else(|_| Err(Problem::deadline_exceeded()))?;
        let discount_minor = reserved.unwrap_or(0);
        die_at("coupon-reserved");
        *place = Some(CouponUse { coupon: coupon.to_string().into(), discount_minor });
        let reply = shard.call(command, Some(expires_at)).await;
        if reserved.is_some() && is_left_over(shard, coupon, &reply) {
            self.node.coupons.give_back(coupon, &token).await;
        }
        Ok(reply)
    }

    /// What the coupon takes off, once it is the hold's. None where there is nothing to reserve it for: the hold is gone,
    /// another's, or being paid. The shard says so. None as well where the request was answered before: it is answered so
    /// again, whatever has become of the coupon since (I8).
    async fn reserve(
        &self,
        shard: &Shard,
        request: Option<RequestStamp>,
        hold: HoldId,
        buyer: &BuyerId,
        coupon: CouponId,
        token: &HoldToken,
    ) -> Result<Option<i64>, Problem> {
        let seats = shard.read(|state| {
            if request.is_some_and(|stamp| state.has_answered(stamp.id)) {
                return None;
            }
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

/// Whether it is certain that what was reserved is no order's and will not be.
fn is_left_over(shard: &Shard, coupon: CouponId, reply: &Reply) -> bool {
    let order_is = |order: &OrderId, is_so: &dyn Fn(&OrderView<'_>) -> bool| {
        shard.read(|state| state.order(*order).is_some_and(|order| is_so(&order)))
    };
    match reply {
        // The same request was decided while this one reserved, and its order has ended since: it had given the coupon back.
        Ok(Answer::PaymentBegun { order, .. }) => order_is(order, &|order| {
            matches!(order.state, OrderStateName::Declined | OrderStateName::Refunded)
        }),
        // Another request of the hold was accepted, and has the coupon if it named it.
        Err(Failure::Rejected(Rejection::PaymentInProgress(order))) => {
            order_is(order, &|order| order.coupon.is_none_or(|other| *other.coupon != *coupon.to_string()))
        }
        Err(Failure::Unavailable(Unavailable::OutboxFull)) => true,
        Ok(_) | Err(Failure::Unavailable(_)) => false,
        Err(Failure::Rejected(_) | Failure::Overloaded { .. } | Failure::DeadlineExceeded) => true,
    }
}
