//! What an order does to its coupon (I14).

use earlybird_engine::{Event, OrderStateName, OrderView};
use earlybird_persistence as store;
use earlybird_persistence::{CouponChange, CouponId, PerformanceId};
use smallvec::{SmallVec, smallvec};

/// The changes that an event of an order causes. An order that is captured too late takes its coupon up again, unless
/// another order has it by now: the store sees to that.
pub(super) fn coupon_changes(
    performance: &PerformanceId,
    order: &OrderView<'_>,
    event: &Event,
) -> SmallVec<[CouponChange; 2]> {
    let Some(coupon) = order.coupon.and_then(|coupon| CouponId::parse(&coupon.coupon)) else {
        return SmallVec::new();
    };
    let (performance, id) = (performance.clone(), store::OrderId(order.order.0));
    match event {
        Event::PaymentBegun { .. } => smallvec![CouponChange::Bind { performance, order: id, coupon }],
        Event::PaymentConfirmed { .. } => smallvec![CouponChange::Redeem { performance, order: id, coupon }],
        Event::LateSold { .. } => smallvec![
            CouponChange::Bind { performance: performance.clone(), order: id, coupon },
            CouponChange::Redeem { performance, order: id, coupon },
        ],
        Event::PaymentDeclined { .. } => smallvec![CouponChange::Release { performance, order: id, coupon }],
        Event::Refunded { .. } if order.state == OrderStateName::Refunded => {
            smallvec![CouponChange::Release { performance, order: id, coupon }]
        }
        _ => SmallVec::new(),
    }
}
