//! The limits of a performance.

use earlybird_engine::{Limits, Millis};
use earlybird_proto::v1;

use super::time::span;
use super::violations::Violations;

const HOUR_MS: u64 = 3_600_000;
const SPAN_MIN: Millis = Millis(1000);
const SPAN_MAX: Millis = Millis(24 * HOUR_MS);
const TOTAL_MAX: Millis = Millis(7 * 24 * HOUR_MS);

/// Checks the limits; what is not given has its default.
pub(super) fn limits(wire: Option<&v1::Limits>, wrong: &mut Violations) -> Limits {
    let mut limits = Limits::default();
    let Some(wire) = wire else { return limits };
    let mut number = |name: &str, given: Option<u32>, min: u32, max: u32, limit: &mut u32| match given {
        Some(value) if !(min..=max).contains(&value) => {
            wrong.add(format!("performance.limits.{name}"), format!("must be {min} to {max}"));
        }
        given => *limit = given.unwrap_or(*limit),
    };
    number("seats_per_hold_max", wire.seats_per_hold_max, 1, 100, &mut limits.seats_per_hold_max);
    number("seats_per_buyer_max", wire.seats_per_buyer_max, 1, 10_000, &mut limits.seats_per_buyer_max);
    let entries = &mut limits.waitlist_entries_per_buyer_max;
    number("waitlist_entries_per_buyer_max", wire.waitlist_entries_per_buyer_max, 0, 1000, entries);
    number("waiters_per_seat_max", wire.waiters_per_seat_max, 1, 1_000_000, &mut limits.waiters_per_seat_max);
    number("hold_extensions_max", wire.hold_extensions_max, 0, 1000, &mut limits.hold_extensions_max);
    number("payment_attempts_max", wire.payment_attempts_max, 1, 100, &mut limits.payment_attempts_max);
    spans(wire, &mut limits, wrong);
    limits
}

fn spans(wire: &v1::Limits, limits: &mut Limits, wrong: &mut Violations) {
    let day = "1 second to 24 hours";
    let mut read = |name: &str, given: Option<&prost_types::Duration>, max: Millis, accepted: &str| {
        wrong.take(format!("performance.limits.{name}"), span(given?, SPAN_MIN, max, accepted))
    };
    let hold_ttl = read("hold_ttl", wire.hold_ttl.as_ref(), SPAN_MAX, day);
    let offer_ttl = read("offer_ttl", wire.offer_ttl.as_ref(), SPAN_MAX, day);
    let total = read("hold_total_max", wire.hold_total_max.as_ref(), TOTAL_MAX, "1 second to 7 days");

    limits.hold_ttl_ms = hold_ttl.unwrap_or(limits.hold_ttl_ms);
    limits.offer_ttl_ms = offer_ttl.unwrap_or(limits.hold_ttl_ms);
    limits.hold_total_ms_max = total.unwrap_or(Millis(limits.hold_ttl_ms.0 * 2).max(limits.offer_ttl_ms));
    if limits.hold_total_ms_max < limits.hold_ttl_ms {
        wrong.add("performance.limits.hold_total_max", "must not be less than hold_ttl");
    } else if limits.hold_total_ms_max < limits.offer_ttl_ms {
        wrong.add("performance.limits.hold_total_max", "must not be less than offer_ttl");
    }
}

/// The limits on the wire, each set.
pub(super) fn wire_limits(limits: &Limits) -> v1::Limits {
    let span = |span| Some(super::time::wire_span(span));
    v1::Limits {
        seats_per_hold_max: Some(limits.seats_per_hold_max),
        seats_per_buyer_max: Some(limits.seats_per_buyer_max),
        waitlist_entries_per_buyer_max: Some(limits.waitlist_entries_per_buyer_max),
        waiters_per_seat_max: Some(limits.waiters_per_seat_max),
        hold_extensions_max: Some(limits.hold_extensions_max),
        hold_ttl: span(limits.hold_ttl_ms),
        offer_ttl: span(limits.offer_ttl_ms),
        hold_total_max: span(limits.hold_total_ms_max),
        payment_attempts_max: Some(limits.payment_attempts_max),
    }
}
