//! A seating plan becomes a venue.
//!
//! ```text
//! JSON ──read──► Plan ──check names, seats──► rows put in order, aisles found ──rank by the front──► Venue
//! ```

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use earlybird_engine::{CategoryIndex, Layout, Row, RowIndex, SeatIndex, SeatPlace, ZoneIndex};

use super::bounds::{check_count, check_label, check_point, is_in_range, label_fault};
use super::geometry::{HUNDREDTHS, Line, hundredths, lower_median};
use super::plan::{self, Plan, Point};
use super::read::{PlanError, read_plan};
use super::stage::Front;
use super::venue::{SeatLabel, Venue};

/// Most seats of a venue.
pub const SEATS_MAX: usize = 200_000;

/// Imports a seating plan.
///
/// Seats are numbered in the order of the file. Zones of one name are one zone. Rows are ranked by their distance from the
/// stage (an area whose shape or text says so), or from the top of the plan. A row is split into blocks where the gap between
/// neighbours is more than 1.5 times the usual gap of the row.
///
/// # Errors
/// The first field that is wrong, by its path.
pub fn import_venue(json: &[u8]) -> Result<Venue, PlanError> {
    let plan = read_plan(json)?;
    check_label("name", &plan.name, 1)?;
    let categories = categories(&plan)?;
    let (zones, zone_of) = zones(&plan)?;
    let mut importer = Importer { categories, ..Importer::default() };
    for (index, zone) in plan.zones.iter().enumerate() {
        importer.zone(index, zone, zone_of[index])?;
    }
    if importer.seats.is_empty() {
        return Err(PlanError::at("zones", "the plan has no seats; at least one is needed"));
    }
    Ok(importer.finish(&plan, zones))
}

/// Index of each category by name.
fn categories(plan: &Plan) -> Result<HashMap<&str, CategoryIndex>, PlanError> {
    check_count("categories", plan.categories.len())?;
    let mut found: HashMap<&str, CategoryIndex> = HashMap::new();
    for (index, category) in plan.categories.iter().enumerate() {
        let path = format!("categories[{index}].name");
        check_label(&path, &category.name, 1)?;
        match found.entry(&category.name) {
            Entry::Vacant(free) => _ = free.insert(CategoryIndex(index as u16)),
            Entry::Occupied(first) => {
                let message = format!("category {:?} is also categories[{}]", category.name, first.get());
                return Err(PlanError::at(path, message));
            }
        }
    }
    Ok(found)
}

/// The names of the zones, each once, and the zone of each zone of the plan.
fn zones(plan: &Plan) -> Result<(Vec<Box<str>>, Vec<ZoneIndex>), PlanError> {
    check_count("zones", plan.zones.len())?;
    let mut names: Vec<Box<str>> = Vec::new();
    let mut known: HashMap<&str, ZoneIndex> = HashMap::new();
    let mut zone_of = Vec::with_capacity(plan.zones.len());
    for (index, zone) in plan.zones.iter().enumerate() {
        check_label(format!("zones[{index}].name"), &zone.name, 0)?;
        let zone = known.entry(&zone.name).or_insert_with(|| {
            names.push(zone.name.as_str().into());
            ZoneIndex((names.len() - 1) as u16)
        });
        zone_of.push(*zone);
    }
    Ok((names, zone_of))
}

/// Collects seats and rows in the order of the file.
#[derive(Default)]
struct Importer<'plan> {
    categories: HashMap<&'plan str, CategoryIndex>,
    guids: HashMap<&'plan str, String>,
    seats: Vec<ReadSeat<'plan>>,
    rows: Vec<ReadRow<'plan>>,
}

struct ReadSeat<'plan> {
    seat: &'plan plan::Seat,
    category: CategoryIndex,
    at: Point,
}

struct ReadRow<'plan> {
    label: &'plan str,
    zone: ZoneIndex,
    first_seat: usize,
    line: Line,
    usual_gap: f64,
}

impl<'plan> Importer<'plan> {
    fn zone(
        &mut self,
        index: usize,
        zone: &'plan plan::Zone,
        zone_index: ZoneIndex,
    ) -> Result<(), PlanError> {
        let path = format!("zones[{index}]");
        check_point(&path, zone.position)?;
        let first_row = self.rows.len();
        for (index, row) in zone.rows.iter().enumerate() {
            self.row(&format!("{path}.rows[{index}]"), zone, row, zone_index)?;
        }
        let made = &mut self.rows[first_row..];
        let zone_gap = lower_median(made.iter().flat_map(|row| row.line.gaps()).collect());
        for row in made {
            row.usual_gap = row.line.usual_gap(zone_gap);
        }
        Ok(())
    }

    fn row(
        &mut self,
        path: &str,
        zone: &'plan plan::Zone,
        row: &'plan plan::Row,
        zone_index: ZoneIndex,
    ) -> Result<(), PlanError> {
        check_label(format!("{path}.row_number"), &row.row_number, 0)?;
        let relative = row.position.unwrap_or_default();
        check_point(path, relative)?;
        let origin = zone.position.plus(relative);
        let first_seat = self.seats.len();
        for (index, seat) in row.seats.iter().enumerate() {
            self.seat(path, index, seat, origin)?;
        }
        if row.seats.is_empty() {
            return Ok(());
        }
        let points: Vec<Point> = self.seats[first_seat..].iter().map(|seat| seat.at).collect();
        let line = Line::through(&points);
        self.rows.push(ReadRow {
            label: &row.row_number,
            zone: zone_index,
            first_seat,
            line,
            usual_gap: 0.0,
        });
        Ok(())
    }

    fn seat(
        &mut self,
        row: &str,
        index: usize,
        seat: &'plan plan::Seat,
        origin: Point,
    ) -> Result<(), PlanError> {
        let path = |field: &str| format!("{row}.seats[{index}]{field}");
        if self.seats.len() == SEATS_MAX {
            return Err(PlanError::at(path(""), format!("the plan has more than {SEATS_MAX} seats")));
        }
        if let Err(wrong) = label_fault(&seat.seat_guid, 1) {
            return Err(PlanError::at(path(".seat_guid"), wrong));
        }
        if let Err(wrong) = label_fault(&seat.seat_number, 0) {
            return Err(PlanError::at(path(".seat_number"), wrong));
        }
        match self.guids.entry(&seat.seat_guid) {
            Entry::Vacant(free) => _ = free.insert(path("")),
            Entry::Occupied(first) => {
                let message = format!("seat_guid {:?} is also that of {}", seat.seat_guid, first.get());
                return Err(PlanError::at(path(".seat_guid"), message));
            }
        }
        let Some(category) = self.categories.get(seat.category.as_str()).copied() else {
            return Err(PlanError::at(path(".category"), self.unknown_category(&seat.category)));
        };
        if !is_in_range(seat.position) {
            return check_point(&path(""), seat.position);
        }
        self.seats.push(ReadSeat { seat, category, at: origin.plus(seat.position) });
        Ok(())
    }

    fn unknown_category(&self, name: &str) -> String {
        let mut known: Vec<_> = self.categories.iter().collect();
        known.sort_by_key(|(_, index)| **index);
        let known: Vec<String> = known.iter().take(20).map(|(name, _)| format!("{name:?}")).collect();
        let known = if known.is_empty() { "no categories".into() } else { known.join(", ") };
        format!("unknown category {name:?}; the plan has {known}")
    }

    /// Ranks the rows and gathers all.
    fn finish(self, plan: &Plan, zones: Vec<Box<str>>) -> Venue {
        let top_y = self.seats.iter().map(|seat| seat.at.y).fold(f64::INFINITY, f64::min);
        let front = Front::of(plan, top_y);
        let mut ranked: Vec<(u32, &ReadRow<'_>)> =
            self.rows.iter().map(|row| (hundredths(front.distance(&self.points_of(row))), row)).collect();
        ranked.sort_by_key(|(distance, row)| (row.zone, *distance));

        let nowhere = SeatPlace { category: CategoryIndex(0), row: RowIndex(0), centre_distance: 0 };
        let mut seats = vec![nowhere; self.seats.len()];
        let mut rows = Vec::with_capacity(ranked.len());
        for (index, (front_distance, row)) in ranked.iter().enumerate() {
            for (place, offset) in row.line.order.iter().enumerate() {
                let seat = row.first_seat + offset;
                seats[seat] = SeatPlace {
                    category: self.seats[seat].category,
                    row: RowIndex(index as u32),
                    centre_distance: hundredths(row.line.centre_distance(place)),
                };
            }
            rows.push(Row { zone: row.zone, front_distance: *front_distance, blocks: row.blocks() });
        }
        let categories = plan.categories.iter().map(|category| category.name.as_str().into()).collect();
        Venue {
            display_name: plan.name.as_str().into(),
            row_labels: ranked.iter().map(|(_, row)| row.label.into()).collect(),
            seat_labels: self.seats.iter().map(ReadSeat::label).collect(),
            layout: Layout { categories, zones, rows, seats }.into(),
        }
    }

    fn points_of(&self, row: &ReadRow<'_>) -> Vec<Point> {
        let seats = &self.seats[row.first_seat..row.first_seat + row.line.order.len()];
        seats.iter().map(|seat| seat.at).collect()
    }
}

impl ReadSeat<'_> {
    fn label(&self) -> SeatLabel {
        SeatLabel {
            guid: self.seat.seat_guid.as_str().into(),
            number: self.seat.seat_number.as_str().into(),
            x_hundredths: (self.at.x * HUNDREDTHS).round() as i32,
            y_hundredths: (self.at.y * HUNDREDTHS).round() as i32,
        }
    }
}

impl ReadRow<'_> {
    /// The seats from left to right, cut at the aisles.
    fn blocks(&self) -> Vec<Vec<SeatIndex>> {
        let mut blocks: Vec<Vec<SeatIndex>> = vec![Vec::new()];
        for (place, offset) in self.line.order.iter().enumerate() {
            if place > 0 && self.line.is_aisle(place, self.usual_gap) {
                blocks.push(Vec::new());
            }
            let seat = SeatIndex((self.first_seat + offset) as u32);
            blocks.last_mut().into_iter().for_each(|block| block.push(seat));
        }
        blocks
    }
}
