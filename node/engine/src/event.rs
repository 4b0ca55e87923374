//! What happened. Events are facts: `evolve` applies them without judging.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{BuyerId, HoldId, OrderId, RefundId, RequestId, SeatIndex, Sequence, Timestamp};

pub(crate) mod v1;

/// One record of the journal: everything that one decision changed, together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Place in the journal.
    pub sequence: Sequence,
    /// When it was decided.
    pub at: Timestamp,
    /// The request that caused it; none when a timer did.
    pub request: Option<RequestStamp>,
    /// What happened, in order. The first event is the one that was asked for; the rest follow from it.
    pub events: SmallVec<[Event; 1]>,
}

/// A `request_id` with a fingerprint of the request's body, so that a reuse for another body is noticed (I8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestStamp {
    /// The caller's key.
    pub id: RequestId,
    /// Hash of the request without its `request_id`, made at the edge with a fixed function.
    pub fingerprint: u64,
}

/// Seats of an event.
pub type Seats = SmallVec<[SeatIndex; 4]>;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// FREE → HELD by a buyer's own request.
    Held {
        /// The new hold.
        hold: HoldId,
        /// Its owner.
        buyer: BuyerId,
        /// Its seats, in the order asked for.
        seats: Seats,
        /// When it lapses.
        deadline: Timestamp,
        /// Whether best available chose the seats, and if so whether they are side by side.
        together: Option<bool>,
    },
    /// FREE → HELD by an offer to the first eligible waiter of a seat, who leaves the waitlist by it.
    Offered {
        /// The new hold.
        hold: HoldId,
        /// The waiter.
        buyer: BuyerId,
        /// The seat.
        seat: SeatIndex,
        /// When the offer lapses.
        deadline: Timestamp,
    },
    /// A hold lives longer.
    Extended {
        /// The hold.
        hold: HoldId,
        /// Its new deadline.
        deadline: Timestamp,
    },
    /// HELD → FREE, by its owner.
    Released {
        /// The hold.
        hold: HoldId,
    },
    /// HELD → FREE, because its deadline came.
    Expired {
        /// The hold.
        hold: HoldId,
    },
    /// HELD → PAYING; the order exists from here on.
    PaymentBegun {
        /// The new order.
        order: OrderId,
        /// The hold that is paid.
        hold: HoldId,
        /// What is charged, in minor units of the performance's currency.
        amount_minor: i64,
        /// The provider's key for the payment.
        payment_key: Box<str>,
        /// The coupon that pays the rest of the price, if one does.
        coupon: Option<CouponUse>,
    },
    /// PAYING → SOLD.
    PaymentConfirmed {
        /// The order.
        order: OrderId,
    },
    /// PAYING → HELD while time is left, else → FREE.
    PaymentDeclined {
        /// The order.
        order: OrderId,
        /// The provider's reason.
        reason: Box<str>,
        /// Whether the deadline had passed, so that the seats are free.
        freed: bool,
    },
    /// A refund was asked for; the seats stay sold until the provider has agreed.
    RefundBegun {
        /// The new refund.
        refund: RefundId,
        /// The order.
        order: OrderId,
        /// The seats, all of them sold to the order; none when it was captured too late to have any.
        seats: Seats,
        /// What goes back, in minor units. Where this is 0 nobody has to be asked, and the same entry completes it.
        amount_minor: i64,
        /// What is kept of what was paid for the seats, in minor units.
        fee_minor: i64,
        /// Why.
        reason: RefundReason,
        /// Why, in the words of whoever asked; may be empty.
        note: Box<str>,
    },
    /// SOLD → FREE for the seats of the refund, if it has any.
    Refunded {
        /// The refund.
        refund: RefundId,
        /// The order.
        order: OrderId,
    },
    /// The provider refused the refund; the seats stay sold.
    RefundFailed {
        /// The refund.
        refund: RefundId,
        /// The order.
        order: OrderId,
        /// The provider's reason.
        reason: Box<str>,
    },
    /// A buyer is last in a seat's waitlist.
    WaitlistJoined {
        /// The seat.
        seat: SeatIndex,
        /// The buyer.
        buyer: BuyerId,
    },
    /// A buyer left a seat's waitlist.
    WaitlistLeft {
        /// The seat.
        seat: SeatIndex,
        /// The buyer.
        buyer: BuyerId,
    },
    /// FREE → BLOCKED.
    Blocked {
        /// The seats.
        seats: Seats,
    },
    /// BLOCKED → FREE.
    Unblocked {
        /// The seats.
        seats: Seats,
    },
    /// The provider waits for a deposit to a virtual account. The order is PAYING on.
    DepositAwaited {
        /// The order.
        order: OrderId,
        /// By when it must be paid.
        deadline: Timestamp,
    },
    /// DECLINED → PAID: the money was captured after all, and the seats were still to be had. They go from FREE, or from the
    /// hold if that lives on, to SOLD.
    LateSold {
        /// The order.
        order: OrderId,
    },
    /// The performance will not take place: every hold that is not being paid is released, every waitlist is emptied, and
    /// nothing is sold from here on.
    PerformanceCancelled,
    /// An account was named that the money of a refund goes to, which waited for one. The account itself is no part of the
    /// journal, which is kept for ever.
    RefundAccountGiven {
        /// The refund.
        refund: RefundId,
        /// The order.
        order: OrderId,
    },
}

/// A coupon that pays a part of an order, or all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponUse {
    /// The coupon's id.
    pub coupon: Box<str>,
    /// What it takes off the price, in minor units.
    pub discount_minor: i64,
}

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundReason {
    /// The buyer asked for it, within the policy of the performance.
    Buyer,
    /// An administrator asked for it.
    Admin,
    /// The performance does not take place.
    PerformanceCancelled,
    /// The money was captured when the seats were gone.
    LateCapture,
    /// The bank took the deposit back: there is nothing to pay back, and the seats are free.
    DepositReverted,
}

impl Event {
    /// The stable name that the journal stores beside the body.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Offered { .. } => "offered",
            Self::Extended { .. } => "extended",
            Self::Released { .. } => "released",
            Self::Expired { .. } => "expired",
            Self::PaymentBegun { .. } => "payment_begun",
            Self::PaymentConfirmed { .. } => "payment_confirmed",
            Self::PaymentDeclined { .. } => "payment_declined",
            Self::RefundBegun { .. } => "refund_begun",
            Self::Refunded { .. } => "refunded",
            Self::RefundFailed { .. } => "refund_failed",
            Self::WaitlistJoined { .. } => "waitlist_joined",
            Self::WaitlistLeft { .. } => "waitlist_left",
            Self::Blocked { .. } => "blocked",
            Self::Unblocked { .. } => "unblocked",
            Self::DepositAwaited { .. } => "deposit_awaited",
            Self::LateSold { .. } => "late_sold",
            Self::PerformanceCancelled => "performance_cancelled",
            Self::RefundAccountGiven { .. } => "refund_account_given",
        }
    }
}
