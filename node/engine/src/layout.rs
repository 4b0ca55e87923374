//! Where the seats of a performance are: what best available needs to know of the venue, and no labels.

use serde::{Deserialize, Serialize};

use crate::{CategoryIndex, RowIndex, SeatIndex, ZoneIndex};

/// The seats of a performance by dense index, and the rows that they stand in. Immutable and shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Names of the seat categories.
    pub categories: Vec<Box<str>>,
    /// Names of the zones.
    pub zones: Vec<Box<str>>,
    /// Rows, front first within a zone.
    pub rows: Vec<Row>,
    /// Where each seat is, by [`SeatIndex`].
    pub seats: Vec<SeatPlace>,
}

/// One row of seats, from left to right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The zone of the row.
    pub zone: ZoneIndex,
    /// Distance from the front in millimetres or any unit that is the same for all rows: smaller is better.
    pub front_distance: u32,
    /// Blocks of seats with nothing between two neighbours of a block, from left to right; an aisle ends a block.
    pub blocks: Vec<Vec<SeatIndex>>,
}

/// Where one seat stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatPlace {
    /// Category, which decides the price.
    pub category: CategoryIndex,
    /// The seat's row.
    pub row: RowIndex,
    /// Distance from the centre of the row, in the unit of [`Row::front_distance`].
    pub centre_distance: u32,
}

impl Layout {
    /// Number of seats.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.seats.len()
    }

    /// Whether `seat` exists.
    #[must_use]
    pub fn contains(&self, seat: SeatIndex) -> bool {
        seat.as_usize() < self.seats.len()
    }
}
