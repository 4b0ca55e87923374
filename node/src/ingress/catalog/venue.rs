//! A venue on the wire.

use earlybird_engine::{SeatIndex, Timestamp};
use earlybird_persistence::{UnixMillis, VenueId};
use earlybird_proto::v1;

use super::time::wire_timestamp;
use crate::catalog::Venue;

/// A venue without its seats.
pub(super) fn wire_venue(id: &VenueId, venue: &Venue, created_at: UnixMillis) -> v1::Venue {
    let layout = &venue.layout.0;
    v1::Venue {
        name: format!("venues/{id}"),
        display_name: venue.display_name.to_string(),
        capacity: venue.capacity() as u32,
        categories: layout.categories.iter().map(ToString::to_string).collect(),
        zones: layout.zones.iter().map(ToString::to_string).collect(),
        create_time: Some(wire_timestamp(Timestamp(created_at.0))),
    }
}

/// A seat with its labels; none when there is no such seat.
pub(super) fn wire_seat(seat: SeatIndex, venue: &Venue) -> Option<v1::Seat> {
    let view = venue.seat(seat)?;
    Some(v1::Seat {
        seat: seat.0,
        guid: view.label.guid.to_string(),
        zone: view.zone.to_owned(),
        row: view.row.to_owned(),
        number: view.label.number.to_string(),
        category: view.category.to_owned(),
        x: f64::from(view.label.x_hundredths) / 100.0,
        y: f64::from(view.label.y_hundredths) / 100.0,
    })
}
