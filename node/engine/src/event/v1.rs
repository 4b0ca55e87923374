//! Journal entries of version 1: before coupons, fees and reasons of refunds.

use serde::Deserialize;
use smallvec::SmallVec;

use super::{Entry, Event, RefundReason, RequestStamp, Seats};
use crate::{BuyerId, HoldId, OrderId, RefundId, SeatIndex, Sequence, Timestamp};

#[derive(Deserialize)]
pub(crate) struct EntryV1 {
    sequence: Sequence,
    at: Timestamp,
    request: Option<RequestStamp>,
    events: SmallVec<[EventV1; 1]>,
}

/// What could happen, in the order of the numbers that the journal has for it.
#[derive(Deserialize)]
enum EventV1 {
    Held { hold: HoldId, buyer: BuyerId, seats: Seats, deadline: Timestamp, together: Option<bool> },
    Offered { hold: HoldId, buyer: BuyerId, seat: SeatIndex, deadline: Timestamp },
    Extended { hold: HoldId, deadline: Timestamp },
    Released { hold: HoldId },
    Expired { hold: HoldId },
    PaymentBegun { order: OrderId, hold: HoldId, amount_minor: i64, payment_key: Box<str> },
    PaymentConfirmed { order: OrderId },
    PaymentDeclined { order: OrderId, reason: Box<str>, freed: bool },
    RefundBegun { refund: RefundId, order: OrderId, seats: Seats, amount_minor: i64 },
    Refunded { refund: RefundId, order: OrderId },
    RefundFailed { refund: RefundId, order: OrderId, reason: Box<str> },
    WaitlistJoined { seat: SeatIndex, buyer: BuyerId },
    WaitlistLeft { seat: SeatIndex, buyer: BuyerId },
    Blocked { seats: Seats },
    Unblocked { seats: Seats },
}

impl From<EntryV1> for Entry {
    fn from(old: EntryV1) -> Self {
        let events = old.events.into_iter().map(Into::into).collect();
        Self { sequence: old.sequence, at: old.at, request: old.request, events }
    }
}

impl From<EventV1> for Event {
    fn from(old: EventV1) -> Self {
        match old {
            EventV1::Held { hold, buyer, seats, deadline, together } => {
                Self::Held { hold, buyer, seats, deadline, together }
            }
            EventV1::Offered { hold, buyer, seat, deadline } => Self::Offered { hold, buyer, seat, deadline },
            EventV1::Extended { hold, deadline } => Self::Extended { hold, deadline },
            EventV1::Released { hold } => Self::Released { hold },
            EventV1::Expired { hold } => Self::Expired { hold },
            EventV1::PaymentBegun { order, hold, amount_minor, payment_key } => {
                Self::PaymentBegun { order, hold, amount_minor, payment_key, coupon: None }
            }
            EventV1::PaymentConfirmed { order } => Self::PaymentConfirmed { order },
            EventV1::PaymentDeclined { order, reason, freed } => {
                Self::PaymentDeclined { order, reason, freed }
            }
            // Who asked was not kept.
            EventV1::RefundBegun { refund, order, seats, amount_minor } => Self::RefundBegun {
                refund,
                order,
                seats,
                amount_minor,
                fee_minor: 0,
                reason: RefundReason::Buyer,
                note: "".into(),
            },
            EventV1::Refunded { refund, order } => Self::Refunded { refund, order },
            EventV1::RefundFailed { refund, order, reason } => Self::RefundFailed { refund, order, reason },
            EventV1::WaitlistJoined { seat, buyer } => Self::WaitlistJoined { seat, buyer },
            EventV1::WaitlistLeft { seat, buyer } => Self::WaitlistLeft { seat, buyer },
            EventV1::Blocked { seats } => Self::Blocked { seats },
            EventV1::Unblocked { seats } => Self::Unblocked { seats },
        }
    }
}
