//! Snapshots of version 1: before coupons, fees, deposits and cancelled performances.

use serde::Deserialize;

use super::{BuyerNumber, Snapshot, SnapshotHold, SnapshotOrder};
use crate::Timestamp;
use crate::state::orders::Refund;
use crate::state::requests::Answered;
use crate::{
    BuyerId, HoldId, OrderId, OrderStateName, RefundReason, RefundState, SeatIndex, Seats, Sequence,
};

#[derive(Deserialize)]
pub(crate) struct SnapshotV1 {
    sequence: Sequence,
    holds_accepted: u64,
    buyers: Vec<BuyerId>,
    holds: Vec<SnapshotHold>,
    orders: Vec<OrderV1>,
    refunds: Vec<RefundV1>,
    blocked: Vec<SeatIndex>,
    waitlists: Vec<(SeatIndex, Vec<BuyerNumber>)>,
    requests: Vec<Answered>,
}

#[derive(Deserialize)]
struct OrderV1 {
    buyer: BuyerNumber,
    state: OrderStateName,
    hold: HoldId,
    seats: Seats,
    seats_left: Seats,
    amount_minor: i64,
    refunded_minor: i64,
    payment_key: Box<str>,
    decline_reason: Option<Box<str>>,
    began_at: Timestamp,
    paid_at: Option<Timestamp>,
    last_sequence: Sequence,
    changed_at: Timestamp,
}

#[derive(Deserialize)]
struct RefundV1 {
    order: OrderId,
    seats: Seats,
    amount_minor: i64,
    state: RefundState,
    began_at: Timestamp,
}

impl From<SnapshotV1> for Snapshot {
    fn from(old: SnapshotV1) -> Self {
        Self {
            sequence: old.sequence,
            holds_accepted: old.holds_accepted,
            buyers: old.buyers,
            holds: old.holds,
            orders: old.orders.into_iter().map(Into::into).collect(),
            refunds: old.refunds.into_iter().map(Into::into).collect(),
            blocked: old.blocked,
            waitlists: old.waitlists,
            requests: old.requests,
            cancelled_at: None,
        }
    }
}

impl From<OrderV1> for SnapshotOrder {
    fn from(old: OrderV1) -> Self {
        Self {
            buyer: old.buyer,
            state: old.state,
            hold: old.hold,
            seats: old.seats,
            seats_left: old.seats_left,
            amount_minor: old.amount_minor,
            refunded_minor: old.refunded_minor,
            fees_minor: 0,
            payment_key: old.payment_key,
            coupon: None,
            decline_reason: old.decline_reason,
            deposit_deadline: None,
            captured_late: false,
            began_at: old.began_at,
            paid_at: old.paid_at,
            last_sequence: old.last_sequence,
            changed_at: old.changed_at,
        }
    }
}

impl From<RefundV1> for Refund {
    /// Who asked, and when it was settled, was not kept.
    fn from(old: RefundV1) -> Self {
        Self {
            order: old.order,
            seats: old.seats,
            amount_minor: old.amount_minor,
            fee_minor: 0,
            reason: RefundReason::Buyer,
            note: "".into(),
            state: old.state,
            began_at: old.began_at,
            settled_at: None,
        }
    }
}
