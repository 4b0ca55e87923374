//! The state of one performance. It changes by [`crate::evolve`] alone.

pub(crate) mod buyers;
pub(crate) mod free_map;
pub(crate) mod holds;
mod key_index;
pub(crate) mod orders;
pub(crate) mod requests;
pub(crate) mod seats;
mod slab;
pub(crate) mod waiting;
pub(crate) mod waitlist;

use std::sync::Arc;

use buyers::Buyers;
use holds::Holds;
use orders::Orders;
use requests::Requests;
use seats::SeatTable;
use waiting::Waitlists;

pub use orders::RefundState;

use crate::{Grade, Layout, Rejection, SalePhase, Sequence, Settings, Timestamp};

/// Everything that is known of one performance.
///
/// Two states are equal when their canonical forms are: see [`crate::Snapshot`].
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) layout: Arc<Layout>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) sequence: Sequence,
    pub(crate) seats: SeatTable,
    pub(crate) holds: Holds,
    pub(crate) buyers: Buyers,
    pub(crate) orders: Orders,
    pub(crate) waitlists: Waitlists,
    pub(crate) requests: Requests,
    /// When the performance was cancelled, if it was.
    pub(crate) cancelled_at: Option<Timestamp>,
}

impl State {
    /// A performance on which nothing has happened yet: all seats are free.
    ///
    /// # Panics
    /// If the layout or the settings are invalid: call [`Layout::check`] and [`Settings::check`] where they come in.
    #[must_use]
    pub fn new(layout: Arc<Layout>, settings: Arc<Settings>) -> Self {
        Self::with_seed(layout, settings, 0)
    }

    /// Like [`State::new`], with the seed of its hash tables. A server draws it at random, so that clients cannot choose
    /// names and request ids that collide. It never shows: states of different seeds are equal.
    ///
    /// # Panics
    /// Like [`State::new`].
    #[must_use]
    pub fn with_seed(layout: Arc<Layout>, settings: Arc<Settings>, seed: u64) -> Self {
        Self::with_history(layout, settings, seed, Sequence(0), 0)
    }

    /// Never gives out the next so many hold numbers: a run before this one may have acknowledged holds with them, and lost
    /// them since nobody waited for the journal. What a buyer was told of such a hold stays not found, and never comes to
    /// mean another hold.
    pub fn skip_hold_numbers(&mut self, numbers: u64) {
        self.holds.burn(numbers);
    }

    /// How many holds were accepted ever, offers among them: their numbers go up to this one.
    #[must_use]
    pub fn holds_accepted(&self) -> u64 {
        self.holds.accepted()
    }

    /// The sale phase that is open at `now` for a buyer of this grade.
    pub(crate) fn open_phase(&self, now: Timestamp, grade: Option<&Grade>) -> Result<&SalePhase, Rejection> {
        match self.cancelled_at {
            Some(_) => Err(Rejection::PerformanceCancelled),
            None => self.settings.open_phase(now, grade),
        }
    }

    /// All seats free, after a history that left `sequence` and gave out hold numbers up to `holds_accepted`.
    pub(crate) fn with_history(
        layout: Arc<Layout>,
        settings: Arc<Settings>,
        seed: u64,
        sequence: Sequence,
        holds_accepted: u64,
    ) -> Self {
        let checked = layout.check().and_then(|()| settings.check(&layout));
        assert_eq!(checked, Ok(()), "layouts and settings are checked where they come in");
        Self {
            sequence,
            seats: SeatTable::new(&layout),
            holds: Holds::new(seed, holds_accepted),
            buyers: Buyers::new(seed),
            orders: Orders::default(),
            waitlists: Waitlists::new(layout.capacity()),
            requests: Requests::new(seed),
            cancelled_at: None,
            layout,
            settings,
        }
    }
}
