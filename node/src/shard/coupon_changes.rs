//! What an order does to its coupon (I14).

use earlybird_engine::{Event, OrderStateName, OrderView};
use earlybird_persistence as store;
use earlybird_persistence::{CouponChange, CouponId, CouponStep, PerformanceId};
use smallvec::SmallVec;

/// The changes that an event of an order causes. An order whose money came late takes its coupon up again: it was reserved
/// for its hold before that.
pub(super) fn coupon_changes(
    performance: &PerformanceId,
    order: &OrderView<'_>,
    event: &Event,
) -> SmallVec<[CouponChange; 2]> {
    let Some(coupon) = order.coupon.and_then(|coupon| CouponId::parse(&coupon.coupon)) else {
        return SmallVec::new();
    };
    let steps: &[CouponStep] = match event {
        Event::PaymentBegun { .. } => &[CouponStep::Bind],
        Event::PaymentConfirmed { .. } => &[CouponStep::Redeem],
        Event::LateSold { .. } => &[CouponStep::Bind, CouponStep::Redeem],
        Event::PaymentDeclined { .. } => &[CouponStep::Release],
        Event::Refunded { .. } if order.state == OrderStateName::Refunded => &[CouponStep::Release],
        _ => &[],
    };
    let change = |&step| CouponChange {
        performance: performance.clone(),
        order: store::OrderId(order.order.0),
        hold: store::HoldId(order.hold.0),
        coupon,
        step,
    };
    steps.iter().map(change).collect()
}
