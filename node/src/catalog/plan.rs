//! The seating-plan JSON as it is written, the format that editors such as pretix's export. Unknown fields are ignored.

use serde::Deserialize;

/// A plan.
#[derive(Debug, Deserialize)]
pub(super) struct Plan {
    /// Name for people.
    pub(super) name: String,
    /// The seat categories.
    pub(super) categories: Vec<Category>,
    /// The zones.
    pub(super) zones: Vec<Zone>,
}

/// A seat category.
#[derive(Debug, Deserialize)]
pub(super) struct Category {
    /// Its name, by which seats refer to it.
    pub(super) name: String,
}

/// A zone: rows and drawn areas.
#[derive(Debug, Deserialize)]
pub(super) struct Zone {
    /// Its name.
    pub(super) name: String,
    /// The point that its rows and areas are relative to.
    pub(super) position: Point,
    /// Its rows.
    pub(super) rows: Vec<Row>,
    /// What is drawn besides seats, the stage among it.
    #[serde(default)]
    pub(super) areas: Vec<Area>,
}

/// A row of seats.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    /// Its label.
    pub(super) row_number: String,
    /// The point that its seats are relative to, itself relative to the zone; the zone's when it is missing.
    #[serde(default)]
    pub(super) position: Option<Point>,
    /// Its seats.
    pub(super) seats: Vec<Seat>,
}

/// A seat.
#[derive(Debug, Deserialize)]
pub(super) struct Seat {
    /// Unique across the plan.
    pub(super) seat_guid: String,
    /// Its label within the row.
    pub(super) seat_number: String,
    /// Relative to the row.
    pub(super) position: Point,
    /// Name of one of the plan's categories.
    pub(super) category: String,
}

/// A point: x grows to the right, y downwards.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Point {
    /// The point that `other` is when it is given relative to this one.
    pub(super) fn plus(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y }
    }
}

/// Something drawn that nobody can book. Only the stage is of interest, so every field may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Area {
    /// `rectangle`, `circle`, `ellipse`, `polygon`, `text`, …
    pub(super) shape: Option<String>,
    /// Relative to the zone.
    pub(super) position: Option<Point>,
    /// What is written on it.
    pub(super) text: Option<AreaText>,
    /// Size of a rectangle, from its top left corner.
    pub(super) rectangle: Option<Size>,
    /// Size of a circle, around its centre.
    pub(super) circle: Option<Circle>,
    /// Size of an ellipse, around its centre.
    pub(super) ellipse: Option<Ellipse>,
    /// Corners of a polygon, relative to the area.
    pub(super) polygon: Option<Polygon>,
}

/// Text of an area.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AreaText {
    pub(super) text: Option<String>,
}

/// Width and height.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A circle's size.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Circle {
    pub(super) radius: f64,
}

/// An ellipse's size: its two radii.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Ellipse {
    pub(super) radius: Point,
}

/// A polygon's shape.
#[derive(Debug, Deserialize)]
pub(super) struct Polygon {
    pub(super) points: Vec<Point>,
}
