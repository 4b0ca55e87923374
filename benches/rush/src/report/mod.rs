//! The report of a run: plain data with the units in the names, and its renderings.

mod build;
mod charts;
mod html;
#[cfg(test)]
mod samples;
mod table;

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::check::{CheckLine, Ledgers, Violation};
use crate::onsale::options::Options;
use crate::onsale::view::Counts;

pub(crate) use build::{Inputs, build, kind_reports};
pub use html::write_html;
pub use table::{kinds_table, ledgers_table, print_table};

/// All that a run found out.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this format: 1.
    pub format: u32,
    /// `performances/{performance}`.
    pub performance: String,
    /// When the curve began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// What was asked for.
    pub options: Options,
    /// Buyers.
    pub buyers: u32,
    /// Of them, members.
    pub members: u32,
    /// From the opening until the last answer, in seconds.
    pub duration_s: f64,
    /// Of that, the settling after the curve, in seconds.
    pub settle_s: f64,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Whether the patience with a server that was away ended.
    pub gave_up: bool,
    /// Requests.
    pub requests: Requests,
    /// By kind of command.
    pub kinds: Vec<KindReport>,
    /// The house at the end.
    pub seats: Seats,
    /// Waitlists.
    pub waitlist: Waitlist,
    /// Money.
    pub money: Money,
    /// The three ledgers of it, if they were compared.
    pub ledgers: Option<Ledgers>,
    /// The run over time.
    pub series: Vec<Point>,
    /// Length of a point of `series`, in seconds.
    pub point_s: f64,
    /// What was checked; empty when it was not.
    pub checks: Vec<CheckLine>,
    /// Violations found, in all.
    pub violations: u64,
    /// The first of them.
    pub violations_listed: Vec<Violation>,
    /// Why the check could not be made, if it could not.
    pub check_error: Option<String>,
}

/// Requests of a run.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Requests {
    /// Tries of the curve.
    pub planned: u64,
    /// Sent, with what followed from the tries; each counted once.
    pub sent: u64,
    /// Definitely answered.
    pub answered: u64,
    /// Ended well.
    pub ok: u64,
    /// Refused as sales go.
    pub rejected: u64,
    /// Refused as they should not have been, or never answered.
    pub errors: u64,
    /// Attempts sent again.
    pub retried: u64,
    /// Never definitely answered.
    pub unanswered: u64,
    /// Answers to an earlier attempt of what had been sent again.
    pub late: u64,
    /// Sessions lost.
    pub disconnects: u64,
    /// Answers a second, over the whole run.
    pub rate_per_s: f64,
    /// `errors` as a share of `sent`.
    pub error_share: f64,
}

/// One kind of command.
#[derive(Clone, Debug, Serialize)]
pub struct KindReport {
    /// Its name for people.
    pub kind: &'static str,
    /// Ended, in all.
    pub count: u64,
    /// Ended well.
    pub ok: u64,
    /// Refused as sales go.
    pub rejected: u64,
    /// Refused as they should not have been, or never answered.
    pub errors: u64,
    /// Attempts sent again.
    pub retried: u64,
    /// Refusals and failed attempts by reason, most frequent first.
    pub reasons: Vec<ReasonCount>,
    /// Latency from the intended moment, of all outcomes.
    pub latency: LatencyReport,
    /// Of those that ended well.
    pub latency_ok: LatencyReport,
    /// Of those refused as sales go.
    pub latency_rejected: LatencyReport,
}

/// How often a reason was given.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ReasonCount {
    /// The reason.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct LatencyReport {
    /// Half did not exceed it.
    pub p50_ms: f64,
    /// 90% did not.
    pub p90_ms: f64,
    /// 99% did not.
    pub p99_ms: f64,
    /// 99.9% did not.
    pub p999_ms: f64,
    /// None did.
    pub max_ms: f64,
}

/// The house at the end.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Seats {
    /// All seats.
    pub capacity: u32,
    /// By state.
    pub counts: Counts,
    /// Whether every seat that can be sold is.
    pub sold_out: bool,
    /// When the last was sold for the first time, in seconds after the opening.
    pub sold_out_s: Option<f64>,
}

/// Waitlists.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Waitlist {
    /// Places taken.
    pub joins: u64,
    /// Places left.
    pub leaves: u64,
    /// Offers seen.
    pub offers: u64,
    /// Of them, paid.
    pub offers_paid: u64,
    /// Waiters served before one who had joined earlier.
    pub overtakes: u64,
}

/// Money, in minor units.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Money {
    /// ISO 4217 code.
    pub currency_code: String,
    /// Orders paid.
    pub orders: u64,
    /// Taken.
    pub paid_minor: i64,
    /// Orders given back.
    pub refunds: u64,
    /// Given back.
    pub refunded_minor: i64,
    /// Payments declined.
    pub declined: u64,
}

/// A stretch of a run.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Point {
    /// Its end, in seconds after the opening.
    pub at_s: f64,
    /// Ended well, a second.
    pub ok_per_s: f64,
    /// Refused as sales go, a second.
    pub rejected_per_s: f64,
    /// Failed, a second.
    pub errors_per_s: f64,
    /// Sent again, a second.
    pub retried_per_s: f64,
    /// Half of the latencies did not exceed it.
    pub p50_ms: f64,
    /// 99% did not.
    pub p99_ms: f64,
    /// 99.9% did not.
    pub p999_ms: f64,
    /// The house at its end.
    pub seats: Counts,
}

/// Writes a report as JSON.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(report: &Report, path: &Path) -> anyhow::Result<()> {
    let json = serde_json::to_vec_pretty(report)?;
    std::fs::write(path, json).with_context(|| format!("{} cannot be written", path.display()))
}
