//! A venue as it is kept: the layout that the engine sells from, and the labels that people read.

use std::sync::Arc;

use earlybird_engine::{Layout, SeatIndex};
use serde::{Deserialize, Serialize};

/// First byte of a stored venue.
const VERSION: u8 = 1;

/// A venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Venue {
    /// Name for people.
    pub display_name: Box<str>,
    /// Where the seats are.
    pub layout: SharedLayout,
    /// Labels of the rows, by [`earlybird_engine::RowIndex`].
    pub row_labels: Vec<Box<str>>,
    /// Labels of the seats, by [`SeatIndex`].
    pub seat_labels: Vec<SeatLabel>,
}

/// What people know a seat by, and where it is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatLabel {
    /// `seat_guid` of the plan.
    pub guid: Box<str>,
    /// `seat_number` of the plan.
    pub number: Box<str>,
    /// Horizontal position in hundredths of the plan's unit, growing to the right.
    pub x_hundredths: i32,
    /// Vertical position in hundredths of the plan's unit, growing downwards.
    pub y_hundredths: i32,
}

/// A layout that all performances at a venue share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedLayout(pub Arc<Layout>);

impl From<Layout> for SharedLayout {
    fn from(layout: Layout) -> Self {
        Self(Arc::new(layout))
    }
}

impl Serialize for SharedLayout {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedLayout {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Layout::deserialize(deserializer).map(Self::from)
    }
}

/// Why stored bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Written by a newer version of the program, or not by it at all.
    #[error("version {0:?} is not known")]
    Version(Option<u8>),
    /// The bytes do not fit the type.
    #[error("cannot be decoded: {0}")]
    Decode(#[from] postcard::Error),
    /// Bytes are left over.
    #[error("{0} bytes follow the end")]
    Trailing(usize),
    /// The parts contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
}

impl Venue {
    /// Number of seats.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.seat_labels.len()
    }

    /// Zone, row label, category and label of a seat; none when there is no such seat.
    #[must_use]
    pub fn seat(&self, seat: SeatIndex) -> Option<SeatView<'_>> {
        let (layout, index) = (&self.layout.0, seat.as_usize());
        let place = layout.seats.get(index)?;
        let row = layout.rows.get(place.row.0 as usize)?;
        Some(SeatView {
            label: self.seat_labels.get(index)?,
            zone: layout.zones.get(usize::from(row.zone.0))?,
            row: self.row_labels.get(place.row.0 as usize)?,
            category: layout.categories.get(usize::from(place.category.0))?,
        })
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// None that a venue made by this module can cause.
    pub fn encode(&self) -> Result<Vec<u8>, BodyError> {
        encode_body(VERSION, self)
    }

    /// The venue that was stored as `bytes`.
    ///
    /// # Errors
    /// The bytes are not a venue of a version that is known.
    pub fn decode(bytes: &[u8]) -> Result<Self, BodyError> {
        let venue: Self = decode_body(VERSION, bytes)?;
        let (layout, seats) = (&venue.layout.0, venue.seat_labels.len());
        if layout.seats.len() != seats || layout.rows.len() != venue.row_labels.len() {
            return Err(BodyError::Contradiction("the labels do not fit the layout"));
        }
        if (0..seats as u32).any(|seat| venue.seat(SeatIndex(seat)).is_none()) {
            return Err(BodyError::Contradiction("a seat has no place in the layout"));
        }
        Ok(venue)
    }
}

/// A seat as people know it.
#[derive(Clone, Copy, Debug)]
pub struct SeatView<'venue> {
    /// Labels and position.
    pub label: &'venue SeatLabel,
    /// Name of the zone.
    pub zone: &'venue str,
    /// Label of the row.
    pub row: &'venue str,
    /// Name of the category.
    pub category: &'venue str,
}

/// `value` in postcard, after one byte that says the version.
pub(super) fn encode_body(version: u8, value: &impl Serialize) -> Result<Vec<u8>, BodyError> {
    Ok(postcard::to_extend(value, vec![version])?)
}

/// The reverse of [`encode_body`].
pub(super) fn decode_body<'de, T: Deserialize<'de>>(version: u8, bytes: &'de [u8]) -> Result<T, BodyError> {
    match bytes.split_first() {
        Some((first, rest)) if *first == version => {
            let (value, left) = postcard::take_from_bytes(rest)?;
            if left.is_empty() { Ok(value) } else { Err(BodyError::Trailing(left.len())) }
        }
        other => Err(BodyError::Version(other.map(|(first, _)| *first))),
    }
}
