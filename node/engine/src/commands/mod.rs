//! Commands: what can be asked of a performance. One file per command, with its tests beneath it.

use crate::{Answer, BuyerId, CategoryIndex, Entry, Grade, HoldId, OrderId, RefundId, RequestStamp, SeatIndex};
use crate::{Seats, ZoneIndex};

/// A wish, with the key that makes repeating it harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The caller's key; none for timers and for the node itself.
    pub request: Option<RequestStamp>,
    /// What is wished.
    pub action: Action,
}

/// What can be wished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hold these seats, all or nothing.
    Hold {
        /// Who asks.
        buyer: BuyerId,
        /// The buyer's member grade, if any.
        grade: Option<Grade>,
        /// The seats.
        seats: Seats,
    },
    /// Hold the best seats that are free together.
    HoldBestAvailable {
        /// Who asks.
        buyer: BuyerId,
        /// The buyer's member grade, if any.
        grade: Option<Grade>,
        /// How many seats.
        count: u32,
        /// Only this category.
        category: Option<CategoryIndex>,
        /// Only this zone.
        zone: Option<ZoneIndex>,
    },
    /// Give a hold a new life of `hold_ttl_ms` from now, within `hold_total_ms_max`.
    ExtendHold {
        /// Who asks.
        buyer: BuyerId,
        /// The hold.
        hold: HoldId,
    },
    /// Give the seats of a hold back.
    ReleaseHold {
        /// Who asks.
        buyer: BuyerId,
        /// The hold.
        hold: HoldId,
    },
    /// The timer's wish: the deadline of a hold or an offer has come.
    ExpireHold {
        /// The hold.
        hold: HoldId,
    },
    /// Begin to pay a hold.
    BeginPayment {
        /// Who asks.
        buyer: BuyerId,
        /// The hold.
        hold: HoldId,
        /// What the caller believes that it costs, in minor units: only compared.
        amount_minor: i64,
        /// The provider's key for the payment.
        payment_key: Box<str>,
    },
    /// The provider has captured the money.
    ConfirmPayment {
        /// The order.
        order: OrderId,
    },
    /// The provider has declined.
    DeclinePayment {
        /// The order.
        order: OrderId,
        /// The provider's reason.
        reason: Box<str>,
    },
    /// Begin to refund an order or some of its seats.
    BeginRefund {
        /// Who asks; none for an administrator.
        asked_by: Option<BuyerId>,
        /// The order.
        order: OrderId,
        /// Its seats to give back; empty for all that are left.
        seats: Seats,
    },
    /// The provider has paid the refund.
    CompleteRefund {
        /// The refund.
        refund: RefundId,
    },
    /// The provider has refused the refund for good.
    FailRefund {
        /// The refund.
        refund: RefundId,
        /// The provider's reason.
        reason: Box<str>,
    },
    /// Queue for a seat.
    JoinWaitlist {
        /// Who asks.
        buyer: BuyerId,
        /// The buyer's member grade, if any.
        grade: Option<Grade>,
        /// The seat.
        seat: SeatIndex,
    },
    /// Stop queueing for a seat.
    LeaveWaitlist {
        /// Who asks.
        buyer: BuyerId,
        /// The seat.
        seat: SeatIndex,
    },
    /// Take free seats out of the sale.
    Block {
        /// The seats.
        seats: Seats,
    },
    /// Put blocked seats back into the sale.
    Unblock {
        /// The seats.
        seats: Seats,
    },
}

/// What `decide` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// New facts, to be evolved, journalled and then answered.
    Commit(Entry),
    /// The request was answered before: the same answer again, and no new facts (I8).
    Replay(Answer),
}
