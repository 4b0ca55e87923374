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

    /// Whether the layout is one that a performance can be held in.
    ///
    /// # Errors
    /// The first fault that is found: an index out of range, or a seat that does not stand in exactly one block of the
    /// row that it names.
    pub fn check(&self) -> Result<(), InvalidSetup> {
        let fault = |what: String| Err(InvalidSetup(what.into()));
        if u32::try_from(self.seats.len()).is_err() {
            return fault(format!("{} seats are more than an index can name", self.seats.len()));
        }
        if let Some(row) = self.rows.iter().position(|row| usize::from(row.zone.0) >= self.zones.len()) {
            return fault(format!("row {row} is in a zone that does not exist"));
        }
        let mut stands = vec![false; self.seats.len()];
        for (row, seat) in (0..)
            .zip(&self.rows)
            .flat_map(|(index, row)| row.blocks.iter().flatten().map(move |&seat| (RowIndex(index), seat)))
        {
            let Some(place) = self.seats.get(seat.as_usize()) else {
                return fault(format!("row {row} has seat {seat}, which does not exist"));
            };
            if place.row != row || std::mem::replace(&mut stands[seat.as_usize()], true) {
                return fault(format!("seat {seat} stands in row {row} and elsewhere"));
            }
            if usize::from(place.category.0) >= self.categories.len() {
                return fault(format!("seat {seat} is in a category that does not exist"));
            }
        }
        match stands.iter().position(|stands| !stands) {
            Some(seat) => fault(format!("seat {seat} stands in no row")),
            None => Ok(()),
        }
    }
}

/// A layout or settings that contradict themselves: what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetup(pub Box<str>);
