//! What a group commit carries: journal entries, and the rows that other systems query.

use std::borrow::Cow;

use bytes::Bytes;

use crate::coupon_changes::CouponChange;
use crate::details::OrderDetails;
use crate::ids::{Bucket, BuyerId, Epoch, HoldId, OrderId, PerformanceId, Seat, Sequence, UnixMillis};

/// One entry to append to a performance's journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalRow {
    /// Whose journal.
    pub performance: PerformanceId,
    /// The performance's bucket.
    pub bucket: Bucket,
    /// The epoch under which the writer owns the bucket.
    pub epoch: Epoch,
    /// Its place: exactly one after the journal's head, or after the entry before it in the batch.
    pub sequence: Sequence,
    /// When it was decided.
    pub at: UnixMillis,
    /// What happened, for readers of the event feed.
    pub kind: Cow<'static, str>,
    /// The event, opaque to the store.
    pub body: Bytes,
}

/// One entry read from a journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalRecord {
    /// Its place.
    pub sequence: Sequence,
    /// The epoch of its writer.
    pub epoch: Epoch,
    /// When it was decided.
    pub at: UnixMillis,
    /// What happened.
    pub kind: Box<str>,
    /// The event, opaque to the store.
    pub body: Bytes,
}

/// The latest state of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderRow {
    /// The performance it belongs to.
    pub performance: PerformanceId,
    /// Its id within the performance, at most `i64::MAX`.
    pub order: OrderId,
    /// Who pays.
    pub buyer: BuyerId,
    /// Its state, in the API's words.
    pub state: Cow<'static, str>,
    /// What it costs, in minor units of the currency.
    pub amount_minor: i64,
    /// What was paid back, in minor units of the currency.
    pub refunded_minor: i64,
    /// ISO 4217 code.
    pub currency: Cow<'static, str>,
    /// Its seats.
    pub seats: Vec<Seat>,
    /// The payment provider's key, once there is one.
    pub payment_key: Option<Box<str>>,
    /// When it was created; a later row of the same order does not change it.
    pub created_at: UnixMillis,
    /// When it last changed.
    pub updated_at: UnixMillis,
    /// The journal entry that changed it last.
    pub sequence: Sequence,
    /// The hold that it pays.
    pub hold: HoldId,
    /// Its seats that are sold to it: none until it is paid, and none that were refunded.
    pub seats_left: Vec<Seat>,
    /// Why the payment was declined, if it was.
    pub decline_reason: Option<Box<str>>,
    /// What else is known of its money.
    pub details: OrderDetails,
}

/// A change of the guard that sells a seat once (I1, I2): a row per seat of every order being paid or paid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SeatGuardChange {
    /// The order's payment begins: the seat is its own until freed. Taking again what it has changes nothing.
    Take {
        /// The seat's performance.
        performance: PerformanceId,
        /// The order that takes it.
        order: OrderId,
        /// The seat.
        seat: Seat,
    },
    /// The order gives the seat back (declined or refunded). Freeing what it does not have changes nothing.
    Free {
        /// The seat's performance.
        performance: PerformanceId,
        /// The order that gives it back.
        order: OrderId,
        /// The seat.
        seat: Seat,
    },
}

/// One group commit: all of it or nothing.
///
/// Entries of many performances may be mixed; those of one performance are in order and without a gap. A performance
/// with an order, a seat change or a coupon change has an entry in the batch too: the entry carries the fence for them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AppendBatch {
    /// The entries, in journal order within each performance.
    pub entries: Vec<JournalRow>,
    /// Order states, in journal order; the last of an order counts.
    pub orders: Vec<OrderRow>,
    /// Seat changes, in journal order; folded before they are written.
    pub seat_changes: Vec<SeatGuardChange>,
    /// Coupon changes, in journal order; folded before they are written.
    pub coupon_changes: Vec<CouponChange>,
}

impl SeatGuardChange {
    /// The seat's performance.
    #[must_use]
    pub fn performance(&self) -> &PerformanceId {
        match self {
            Self::Take { performance, .. } | Self::Free { performance, .. } => performance,
        }
    }
}

impl AppendBatch {
    /// The most entries of a batch.
    pub const ENTRIES_MAX: usize = 8_192;
    /// The most order states of a batch.
    pub const ORDERS_MAX: usize = 8_192;
    /// The most seat changes of a batch.
    pub const SEAT_CHANGES_MAX: usize = 65_536;
    /// The most coupon changes of a batch.
    pub const COUPON_CHANGES_MAX: usize = 8_192;
    /// The most bytes in one body.
    pub const BODY_BYTES_MAX: usize = 16 << 20;
}

/// The engine's state after an entry, so that recovery reads only the entries behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotRow {
    /// Whose state.
    pub performance: PerformanceId,
    /// The performance's bucket.
    pub bucket: Bucket,
    /// The epoch under which the writer owns the bucket.
    pub epoch: Epoch,
    /// The last entry that the state includes.
    pub sequence: Sequence,
    /// When it was taken.
    pub at: UnixMillis,
    /// The state, opaque to the store.
    pub body: Bytes,
}

/// Which orders to list. Without a field, orders of every value of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OrderFilter {
    /// Orders of this performance alone.
    pub performance: Option<PerformanceId>,
    /// Orders of this buyer alone.
    pub buyer: Option<BuyerId>,
}

/// The last order of a page: the next page starts behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderCursor {
    /// When that order was created.
    pub created_at: UnixMillis,
    /// Its performance.
    pub performance: PerformanceId,
    /// Its id.
    pub order: OrderId,
}

impl From<&OrderRow> for OrderCursor {
    fn from(row: &OrderRow) -> Self {
        Self { created_at: row.created_at, performance: row.performance.clone(), order: row.order }
    }
}
