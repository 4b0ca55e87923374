//! A report for tests.

use std::time::Duration;

use super::{LatencyReport, Money, Point, Report, Requests, Seats, Waitlist};
use crate::check::CheckLine;
use crate::onsale::options::{House, Options};
use crate::onsale::view::Counts;

/// A run of a minute that went well.
pub(super) fn report() -> Report {
    let counts = Counts { sold: 10_000, ..Counts::default() };
    let point = |second: u32| Point {
        at_s: f64::from(second),
        ok_per_s: 4_000.0 / f64::from(second),
        rejected_per_s: 50_000.0 / f64::from(second),
        p50_ms: 1.2,
        p99_ms: 40.0 / f64::from(second),
        p999_ms: 90.0,
        seats: Counts { free: 10_000 - 100 * second, sold: 100 * second, ..Counts::default() },
        ..Point::default()
    };
    let latency = LatencyReport { p50_ms: 1.0, p90_ms: 2.0, p99_ms: 9.0, p999_ms: 20.0, max_ms: 44.0 };
    Report {
        format: 1,
        performance: "performances/gala".to_owned(),
        started_unix_ms: 1_700_000_000_000,
        options: Options {
            hold_ttl: Duration::from_secs(5),
            ..Options::new("http://localhost:1", House::Venue("v".into()))
        },
        buyers: 100_000,
        members: 2_000,
        duration_s: 60.0,
        settle_s: 2.0,
        interrupted: false,
        gave_up: false,
        requests: Requests {
            planned: 2_000_000,
            sent: 2_010_000,
            answered: 2_010_000,
            ..Requests::default()
        },
        kinds: vec![super::KindReport {
            kind: "hold seats",
            count: 2_000_000,
            ok: 9_000,
            rejected: 1_991_000,
            errors: 0,
            retried: 3,
            reasons: vec![super::ReasonCount { reason: "SEAT_TAKEN", count: 1_991_000 }],
            latency,
            latency_ok: latency,
            latency_rejected: latency,
        }],
        seats: Seats { capacity: 10_000, counts, sold_out: true, sold_out_s: Some(4.0) },
        waitlist: Waitlist::default(),
        money: Money::default(),
        ledgers: None,
        series: (1..=60).map(point).collect(),
        point_s: 1.0,
        checks: vec![CheckLine { id: "I1", description: "no seat twice", checked: 10_000, violations: 0 }],
        violations: 0,
        violations_listed: Vec::new(),
        check_error: None,
    }
}
