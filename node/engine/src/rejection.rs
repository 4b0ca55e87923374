//! Why a command changed nothing. Each is an answer for the caller; the node maps it to a status and a reason.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{BuyerId, OrderId, SeatIndex, Timestamp};

/// Seats named in a rejection: inline up to eight, so that rejecting allocates nothing.
pub type SeatList = SmallVec<[SeatIndex; 8]>;

/// Why a command was turned down. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The command names no seat.
    #[error("no seats named")]
    NoSeats,
    /// The command names a seat twice.
    #[error("seat {0} is named twice")]
    DuplicateSeat(SeatIndex),
    /// The performance has no such seat.
    #[error("seat {seat} is out of range: the performance has seats 0..{capacity}")]
    SeatOutOfRange {
        /// The index that was named.
        seat: SeatIndex,
        /// Number of seats of the performance.
        capacity: u32,
    },
    /// These of the named seats are held, being paid or sold.
    #[error("seats are taken")]
    SeatTaken(SeatList),
    /// These of the named seats are blocked by an administrator.
    #[error("seats are blocked")]
    SeatBlocked(SeatList),
    /// Best available found no seats that fit.
    #[error("not enough seats are free")]
    NotEnoughSeats {
        /// Free seats that match the wanted category and zone.
        free: u32,
    },
    /// Best available was asked for a category or zone that the layout does not have.
    #[error("no such {what}")]
    UnknownFilter {
        /// `category` or `zone`.
        what: &'static str,
    },
    /// No sale phase is open now.
    #[error("the sale is not open")]
    SaleNotOpen {
        /// When the next phase opens; none when the sale is over.
        opens_at: Option<Timestamp>,
    },
    /// A presale is open, and the buyer's grade is not part of it.
    #[error("only members of the presale may buy now")]
    PresaleOnly {
        /// When a phase opens that the buyer may buy in, if any.
        opens_at: Option<Timestamp>,
    },
    /// The open phase has no waitlist.
    #[error("the waitlist is not open")]
    WaitlistNotOpen,
    /// A limit of the performance would be passed.
    #[error("limit {limit:?} of {max} reached")]
    LimitReached {
        /// Which limit.
        limit: LimitKind,
        /// Its value.
        max: u64,
    },
    /// The hold never was, was released, or lapsed so long ago that it is forgotten.
    #[error("no such hold")]
    HoldNotFound,
    /// The hold's deadline has passed.
    #[error("the hold has expired")]
    HoldExpired,
    /// The hold or order belongs to somebody else.
    #[error("another buyer holds it")]
    NotHolder,
    /// The hold's payment has begun and its outcome is awaited.
    #[error("a payment of the hold is in progress")]
    PaymentInProgress(OrderId),
    /// The amount is not what the seats cost after the discount.
    #[error("expected {expected_minor} {currency}")]
    AmountMismatch {
        /// What is to be paid, in minor units.
        expected_minor: i64,
        /// What the coupon takes off the price, in minor units; 0 without one.
        discount_minor: i64,
        /// ISO 4217 code.
        currency: Box<str>,
    },
    /// The sum of the prices does not fit.
    #[error("the amount overflows")]
    AmountOverflow,
    /// The discount is negative, or more than the seats cost.
    #[error("a discount of {discount_minor} on a price of {price_minor}")]
    InvalidDiscount {
        /// The discount, in minor units.
        discount_minor: i64,
        /// What the seats cost without it, in minor units.
        price_minor: i64,
    },
    /// The performance does not take deposits to virtual accounts.
    #[error("virtual accounts are not accepted")]
    VirtualAccountNotAllowed,
    /// The order waits for its deposit already.
    #[error("the deposit is awaited already")]
    DepositAwaited {
        /// By when it must be paid.
        deadline: Timestamp,
    },
    /// Buyers of this performance may not refund.
    #[error("the performance does not give money back")]
    RefundNotAllowed,
    /// The order was paid by a deposit, and no account was named that the money can go back to.
    #[error("an account is needed that the deposit goes back to")]
    RefundAccountRequired,
    /// Buyers of this performance may not refund any more.
    #[error("the time for refunds is over")]
    RefundDeadlinePassed {
        /// When it was over.
        closed_at: Timestamp,
    },
    /// The fee is negative, or more than was paid for the seats.
    #[error("a fee of {fee_minor} on {paid_minor}")]
    InvalidFee {
        /// The fee, in minor units.
        fee_minor: i64,
        /// What was paid for the seats, in minor units.
        paid_minor: i64,
    },
    /// The performance will not take place.
    #[error("the performance is cancelled")]
    PerformanceCancelled,
    /// No such order.
    #[error("no such order")]
    OrderNotFound,
    /// The order is not in a state that allows this.
    #[error("the order is {0}")]
    OrderState(OrderStateName),
    /// No such refund.
    #[error("no such refund")]
    RefundNotFound,
    /// These of the named seats are not sold to the order.
    #[error("seats are not part of the order")]
    SeatNotInOrder(SeatList),
    /// The buyer waits for the seat already.
    #[error("already waiting for the seat")]
    AlreadyWaiting,
    /// The buyer does not wait for the seat.
    #[error("not waiting for the seat")]
    NotWaiting,
    /// The seat is free: hold it rather than wait for it.
    #[error("the seat is free")]
    SeatFree,
    /// The buyer has the seat already.
    #[error("the buyer has the seat already")]
    AlreadyHolder,
    /// These of the named seats are not free, so they cannot be blocked.
    #[error("seats are not free")]
    SeatNotFree(SeatList),
    /// These of the named seats are not blocked.
    #[error("seats are not blocked")]
    SeatNotBlocked(SeatList),
    /// The `request_id` was used before for something else.
    #[error("request_id was used for another request")]
    RequestIdReused,
    /// The deadline of the hold has not come yet, so it cannot be expired.
    #[error("not due yet")]
    NotDue,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// [`crate::Limits::seats_per_hold_max`]
    SeatsPerHold,
    /// [`crate::Limits::seats_per_buyer_max`]
    SeatsPerBuyer,
    /// [`crate::Limits::waitlist_entries_per_buyer_max`]
    WaitlistEntriesPerBuyer,
    /// [`crate::Limits::waiters_per_seat_max`]
    WaitersPerSeat,
    /// [`crate::Limits::hold_extensions_max`]
    HoldExtensions,
    /// [`crate::Limits::hold_total_ms_max`]
    HoldTotal,
    /// [`crate::Limits::payment_attempts_max`], of payments
    PaymentAttempts,
    /// [`crate::Limits::payment_attempts_max`], of refunds
    RefundAttempts,
}

/// The state of an order by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStateName {
    /// The provider has not answered yet.
    Paying,
    /// Paid.
    Paid,
    /// The provider declined.
    Declined,
    /// A refund is under way.
    Refunding,
    /// Fully refunded.
    Refunded,
}

impl std::fmt::Display for OrderStateName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Paying => "being paid",
            Self::Paid => "paid",
            Self::Declined => "declined",
            Self::Refunding => "being refunded",
            Self::Refunded => "refunded",
        })
    }
}

/// The holder of a hold is not who asks: a helper for every command that names a hold or an order.
pub(crate) fn require_holder(owner: &BuyerId, asked_by: &BuyerId) -> Result<(), Rejection> {
    if owner == asked_by { Ok(()) } else { Err(Rejection::NotHolder) }
}
