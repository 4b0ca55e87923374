//! What a request is answered with once its entry is durable.

use serde::{Deserialize, Serialize};

use crate::{HoldId, OrderId, RefundId, SeatIndex, Seats, Timestamp};

/// The answer to an accepted command. It is remembered, and a repeated request gets it as it was (I8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Seats are held.
    Held {
        /// The new hold.
        hold: HoldId,
        /// Its seats.
        seats: Seats,
        /// When it lapses.
        deadline: Timestamp,
        /// Whether best available chose the seats, and if so whether they are side by side.
        together: Option<bool>,
    },
    /// A hold lives longer.
    Extended {
        /// The hold.
        hold: HoldId,
        /// Its seats.
        seats: Seats,
        /// Its new deadline.
        deadline: Timestamp,
    },
    /// A hold was given back.
    Released {
        /// The hold that was.
        hold: HoldId,
    },
    /// A payment may be sent to the provider.
    PaymentBegun {
        /// The new order.
        order: OrderId,
        /// What is charged, in minor units.
        amount_minor: i64,
    },
    /// A refund may be sent to the provider.
    RefundBegun {
        /// The new refund.
        refund: RefundId,
        /// The order.
        order: OrderId,
        /// What goes back, in minor units.
        amount_minor: i64,
    },
    /// The buyer queues for the seat.
    WaitlistJoined {
        /// The seat.
        seat: SeatIndex,
        /// Place in the queue at that moment, counted from 1.
        position: u32,
    },
    /// The buyer queues for the seat no more.
    WaitlistLeft {
        /// The seat.
        seat: SeatIndex,
    },
    /// Seats are out of the sale.
    Blocked,
    /// Seats are in the sale again.
    Unblocked,
    /// What a timer or a payment provider told was noted.
    Done,
}
