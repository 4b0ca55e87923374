//! An order's money as a document, for the `orders` table and for the API.

use std::borrow::Cow;

use earlybird_engine::{OrderView, RefundReason, RefundState, RefundView, State};
use earlybird_persistence::{OrderDetails, RefundDetails};

/// What is known of an order's money beyond its columns.
#[must_use]
pub fn order_details(state: &State, order: &OrderView<'_>) -> OrderDetails {
    OrderDetails {
        coupon: order.coupon.map(|coupon| coupon.coupon.clone()),
        discount_minor: order.coupon.map_or(0, |coupon| coupon.discount_minor),
        fees_minor: order.fees_minor,
        deposit_deadline_ms: order.deposit_deadline.map(|deadline| deadline.0),
        captured_late: order.captured_late,
        refunds: state.refunds_of(order.order).map(|refund| refund_details(&refund)).collect(),
    }
}

fn refund_details(refund: &RefundView<'_>) -> RefundDetails {
    let (name, failure) = match refund.state {
        RefundState::Pending => ("PENDING", ""),
        RefundState::Completed => ("COMPLETED", ""),
        RefundState::Failed(reason) => ("FAILED", &**reason),
    };
    RefundDetails {
        refund: refund.refund.0,
        seats: refund.seats.iter().map(|seat| seat.0).collect(),
        amount_minor: refund.amount_minor,
        fee_minor: refund.fee_minor,
        reason: Cow::Borrowed(reason_name(refund.reason)),
        note: storable(refund.note),
        state: Cow::Borrowed(name),
        failure: storable(failure),
        began_at_ms: refund.began_at.0,
        settled_at_ms: refund.settled_at.map(|at| at.0),
    }
}

/// The reason of a refund in the words of the API.
#[must_use]
pub fn reason_name(reason: RefundReason) -> &'static str {
    match reason {
        RefundReason::Buyer => "BUYER",
        RefundReason::Admin => "ADMIN",
        RefundReason::PerformanceCancelled => "PERFORMANCE_CANCELLED",
        RefundReason::LateCapture => "LATE_CAPTURE",
        RefundReason::DepositReverted => "DEPOSIT_REVERTED",
    }
}

/// The text as every store can keep it: PostgreSQL has no place for the zero character, and a provider's reason must not
/// keep a journal from being written.
pub(super) fn storable(text: &str) -> Box<str> {
    text.replace('\0', "\u{fffd}").into_boxed_str()
}
