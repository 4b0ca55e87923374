//! Venues and performances to sell, made through the public API.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::{
    CreatePerformanceRequest, ImportVenueRequest, Limits, Performance, Price, SalePhase, SessionRequest,
    sale_phase,
};
use rush::connect::{Dialer, catalog};

use crate::load::{Commands, send_all};

const SEATS_PER_ROW: u32 = 50;
const CATEGORY: &str = "R";
/// Seats of one hold when a house is filled.
const SEATS_PER_HOLD_MAX: u32 = 100;
const DAY: Duration = Duration::from_secs(86_400);

/// Imports a venue of so many seats and returns its name.
///
/// # Errors
/// When the server does not take it.
pub async fn import(dialer: &Dialer, id: &str, seats: u32) -> anyhow::Result<String> {
    let request = ImportVenueRequest {
        venue_id: id.to_owned(),
        seating_plan: plan(seats).into(),
        request_id: uuid::Uuid::new_v4().to_string(),
    };
    let venue = catalog(&dialer.channel(0)).import_venue(request).await.context("cannot import a venue")?;
    Ok(venue.into_inner().name)
}

/// Creates a performance that is on sale to everyone, with holds that live so long, and returns its name.
///
/// # Errors
/// When the server does not take it.
pub async fn perform(dialer: &Dialer, venue: &str, id: &str, hold_ttl: Duration) -> anyhow::Result<String> {
    let now = SystemTime::now();
    let phase = SalePhase {
        kind: sale_phase::Kind::General.into(),
        grades: Vec::new(),
        open_time: Some((now - DAY).into()),
        close_time: Some((now + DAY).into()),
        waitlist_open: true,
    };
    let limits = Limits {
        seats_per_hold_max: Some(SEATS_PER_HOLD_MAX),
        seats_per_buyer_max: Some(SEATS_PER_HOLD_MAX),
        hold_ttl: Some(hold_ttl.try_into()?),
        ..Limits::default()
    };
    let performance = Performance {
        display_name: "A gala".to_owned(),
        venue: venue.to_owned(),
        start_time: Some((now + DAY).into()),
        currency_code: "KRW".to_owned(),
        prices: vec![Price { category: CATEGORY.to_owned(), amount_minor: 99_000 }],
        phases: vec![phase],
        limits: Some(limits),
        ..Performance::default()
    };
    let request = CreatePerformanceRequest {
        performance_id: id.to_owned(),
        performance: Some(performance),
        request_id: uuid::Uuid::new_v4().to_string(),
    };
    let created = catalog(&dialer.channel(0)).create_performance(request).await;
    Ok(created.context("cannot create a performance")?.into_inner().name)
}

/// Holds all these seats, many at a time.
///
/// # Errors
/// When one of them is taken.
pub async fn fill(dialer: &Dialer, performance: &str, seats: std::ops::Range<u32>) -> anyhow::Result<()> {
    let mut commands = Commands::new(performance);
    let holds = seats.clone().step_by(SEATS_PER_HOLD_MAX as usize).map(|first| {
        let hold = commands.hold((first..(first + SEATS_PER_HOLD_MAX).min(seats.end)).collect());
        SessionRequest { tag: u64::from(first), timeout_ms: 0, command: Some(Command::HoldSeats(hold)) }
    });
    send_all(&dialer.channel(0), holds).await.map(drop)
}

/// A seating plan: rows of fifty seats, one behind the other.
fn plan(seats: u32) -> String {
    let mut rows = String::with_capacity(seats as usize * 100);
    for first in (0..seats).step_by(SEATS_PER_ROW as usize) {
        let row = first / SEATS_PER_ROW;
        let separator = if row == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(
            rows,
            r#"{separator}{{"row_number":"{row}","position":{{"x":0,"y":{}}},"seats":["#,
            row * 10
        );
        for number in 0..SEATS_PER_ROW.min(seats - first) {
            let separator = if number == 0 { "" } else { "," };
            let _ = write!(
                rows,
                r#"{separator}{{"seat_guid":"{row}-{number}","seat_number":"{number}","position":{{"x":{},"y":0}},"category":"{CATEGORY}"}}"#,
                number * 8
            );
        }
        rows.push_str("]}");
    }
    format!(
        r##"{{"name":"Hall","categories":[{{"name":"{CATEGORY}","color":"#336699"}}],"zones":[{{"name":"Floor","position":{{"x":0,"y":0}},"rows":[{rows}],"areas":[]}}],"size":{{"width":400,"height":{}}}}}"##,
        seats.div_ceil(SEATS_PER_ROW) * 10
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_json_with_all_its_seats() {
        let plan: serde_json::Value = serde_json::from_str(&plan(120)).expect("it is JSON");
        let rows = plan["zones"][0]["rows"].as_array().expect("it has rows");
        let seats: usize = rows.iter().filter_map(|row| row["seats"].as_array()).map(Vec::len).sum();
        assert_eq!((rows.len(), seats), (3, 120));
    }
}
