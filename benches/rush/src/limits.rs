//! Every bound of the generator, in one place.

use std::time::Duration;

/// Commands in flight on one session: below the 4,096 at which the server stops reading.
pub const IN_FLIGHT_PER_SESSION_MAX: usize = 4_000;
/// Calls in flight in unary mode, for one lane.
pub const IN_FLIGHT_PER_UNARY_LANE_MAX: usize = 256;
/// Sessions that share a connection: fewer connections make fuller packets, more spread over the server's cores.
pub const SESSIONS_PER_CONNECTION: usize = 8;
/// Answers taken from a session at a time, so that sending goes on.
pub const ANSWERS_PER_WAKE_MAX: usize = 512;
/// Requests sent at a time, so that answers are read in between.
pub const SENDS_PER_WAKE_MAX: usize = 512;
/// Offers and finds waiting for a lane.
pub const LANE_INBOX_MAX: usize = 4_096;
/// News waiting for the offer desk.
pub const DESK_INBOX_MAX: usize = 65_536;
/// Waiters whose offers are watched over a stream of their own; the others are asked about when their seat frees.
pub const OFFER_STREAMS_MAX: usize = 128;
/// `ListHolds` and `GetSeatMap` calls a second, each.
pub const READS_PER_SECOND_MAX: u64 = 400;
/// Reads in flight at a time.
pub const READS_IN_FLIGHT_MAX: usize = 32;
/// Waiters of a freed seat that are asked before the seat is given up for this time.
pub const WAITERS_ASKED_PER_FREED_SEAT: usize = 4;
/// Waitlist places that one buyer takes.
pub const PLACES_PER_BUYER_MAX: u8 = 2;
/// Share of the places that are left again.
pub const LEAVE_SHARE: f64 = 0.02;
/// Share of the presale's requests that come from people who are not members.
pub const IMPATIENT_SHARE: f64 = 0.05;
/// Buyers looked at for one who is free to act, before a busy one is passed over.
pub const BUYER_PROBES_MAX: usize = 16;
/// Seats looked at on the map for a free one near the wanted one.
pub const SEAT_PROBES_MAX: u32 = 64;
/// Times that a hold is sent again after `OVERLOADED` before it counts as rejected; payments go on.
pub const OVERLOADED_HOLD_ATTEMPTS_MAX: u16 = 8;
/// First back-off after an unknown outcome; doubled with each attempt.
pub const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// Longest back-off.
pub const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// First back-off of payments and refunds: the provider is slower than the engine.
pub const PAYMENT_BACKOFF_MIN: Duration = Duration::from_millis(200);
/// Longest that a lane sleeps, so that it notices the end of the run.
pub const LANE_SLEEP_MAX: Duration = Duration::from_millis(20);
/// How often progress is told and the house is looked at.
pub const TICK: Duration = Duration::from_millis(100);
/// Points of a time series, at most.
pub const SERIES_POINTS_MAX: u32 = 240;
/// Margin of the check for clocks that run at different rates and for replies that were under way.
pub const CHECK_SLACK: Duration = Duration::from_secs(1);
/// Calls in flight while the check reads the final state.
pub const CHECK_CALLS_IN_FLIGHT_MAX: usize = 64;
/// Holds and waiters whose final state the check asks for, each.
pub const CHECK_LOOKUPS_MAX: usize = 20_000;
/// Violations listed with their details; all are counted.
pub const VIOLATIONS_LISTED_MAX: usize = 200;
/// Longest wait of the check for payments under way to end.
pub const CHECK_PAYMENTS_WAIT_MAX: Duration = Duration::from_secs(15);
/// Longest wait for a sale that is not open yet.
pub const OPENING_WAIT_MAX: Duration = Duration::from_secs(300);
/// Buyers, seats and requests of one run.
pub const BUYERS_MAX: u64 = 10_000_000;
/// Requests of one run.
pub const REQUESTS_MAX: u64 = 1_000_000_000;
