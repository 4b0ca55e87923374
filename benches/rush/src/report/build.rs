//! Makes the report of what was counted.

use std::collections::HashSet;
use std::time::Duration;

use super::{KindReport, LatencyReport, Money, Point, ReasonCount, Report, Requests, Seats, Waitlist};
use crate::answer::Reason;
use crate::check::{Findings, Ledgers};
use crate::command::Kind;
use crate::ids::HoldId;
use crate::ledger::{Entry, Ledger};
use crate::limits::VIOLATIONS_LISTED_MAX;
use crate::onsale::shared::Shared;
use crate::onsale::view::Counts;
use crate::stats::{KindStats, Latency, Outcome, Stats};

/// All that a report is made of.
pub(crate) struct Inputs<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) ledger: &'a Ledger,
    pub(crate) stats: &'a Stats,
    pub(crate) findings: &'a Findings,
    pub(crate) check_error: Option<String>,
    pub(crate) ledgers: Option<Ledgers>,
    pub(crate) seats: Counts,
    pub(crate) points: Vec<Point>,
    pub(crate) point_length: Duration,
    pub(crate) elapsed: Duration,
    pub(crate) settle_s: f64,
    pub(crate) sold_out_at: Option<Duration>,
    pub(crate) started_unix_ms: u64,
    pub(crate) interrupted: bool,
    pub(crate) gave_up: bool,
}

/// The report of an on-sale.
pub(crate) fn build(inputs: Inputs<'_>) -> Report {
    let Inputs { shared, ledger, stats, findings, seats, .. } = inputs;
    let listed = findings.violations.iter().take(VIOLATIONS_LISTED_MAX).cloned().collect();
    Report {
        format: 1,
        performance: shared.names.performance().to_owned(),
        started_unix_ms: inputs.started_unix_ms,
        options: shared.options.clone(),
        buyers: shared.buyers,
        members: shared.members,
        duration_s: inputs.elapsed.as_secs_f64(),
        settle_s: inputs.settle_s,
        interrupted: inputs.interrupted,
        gave_up: inputs.gave_up,
        requests: requests(shared.curve.requests(), stats, ledger, inputs.elapsed),
        kinds: kind_reports(stats),
        seats: Seats {
            capacity: shared.facts.capacity(),
            counts: seats,
            sold_out: seats.sold > 0 && seats.sold + seats.blocked == shared.facts.capacity(),
            sold_out_s: inputs.sold_out_at.map(|at| at.as_secs_f64()),
        },
        waitlist: waitlist(ledger, findings),
        money: money(&shared.facts.performance.currency_code, ledger, stats),
        ledgers: inputs.ledgers,
        series: inputs.points,
        point_s: inputs.point_length.as_secs_f64(),
        checks: findings.lines.clone(),
        violations: findings.violations.len() as u64,
        violations_listed: listed,
        check_error: inputs.check_error,
    }
}

fn requests(planned: u64, stats: &Stats, ledger: &Ledger, elapsed: Duration) -> Requests {
    let errors = stats.count(Outcome::Error);
    Requests {
        planned,
        sent: stats.sent,
        answered: stats.answers(),
        ok: stats.count(Outcome::Ok),
        rejected: stats.count(Outcome::Rejected),
        errors,
        retried: Kind::ALL.iter().map(|&kind| stats.kind(kind).retried).sum(),
        unanswered: ledger.unanswered.len() as u64,
        late: stats.late,
        disconnects: stats.disconnects,
        rate_per_s: stats.answers() as f64 / elapsed.as_secs_f64().max(1e-9),
        error_share: errors as f64 / stats.sent.max(1) as f64,
    }
}

/// The kinds of command that were used.
pub(crate) fn kind_reports(stats: &Stats) -> Vec<KindReport> {
    let used = |kind: &&Kind| {
        let stats = stats.kind(**kind);
        stats.retried > 0 || Outcome::ALL.iter().any(|&outcome| stats.count(outcome) > 0)
    };
    Kind::ALL.iter().filter(used).map(|&kind| kind_report(kind, stats.kind(kind))).collect()
}

fn kind_report(kind: Kind, stats: &KindStats) -> KindReport {
    let mut all = Latency::default();
    Outcome::ALL.iter().filter_map(|&outcome| stats.latency(outcome)).for_each(|latency| all.add(latency));
    let mut reasons: Vec<ReasonCount> = Reason::ALL
        .iter()
        .zip(&stats.reasons)
        .filter(|(_, count)| **count > 0)
        .map(|(reason, &count)| ReasonCount { reason: reason.name(), count })
        .collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    KindReport {
        kind: kind.label(),
        count: all.count(),
        ok: stats.count(Outcome::Ok),
        rejected: stats.count(Outcome::Rejected),
        errors: stats.count(Outcome::Error),
        retried: stats.retried,
        reasons,
        latency: latency(Some(&all)),
        latency_ok: latency(stats.latency(Outcome::Ok)),
        latency_rejected: latency(stats.latency(Outcome::Rejected)),
    }
}

fn latency(latency: Option<&Latency>) -> LatencyReport {
    let Some(latency) = latency.filter(|latency| latency.count() > 0) else {
        return LatencyReport::default();
    };
    LatencyReport {
        p50_ms: latency.quantile_ms(0.5),
        p90_ms: latency.quantile_ms(0.9),
        p99_ms: latency.quantile_ms(0.99),
        p999_ms: latency.quantile_ms(0.999),
        max_ms: latency.max_ms(),
    }
}

fn waitlist(ledger: &Ledger, findings: &Findings) -> Waitlist {
    let count = |wanted: fn(&Entry) -> bool| {
        ledger.records.iter().filter(|record| wanted(&record.entry)).count() as u64
    };
    let offered: HashSet<HoldId> = ledger
        .records
        .iter()
        .filter_map(|record| match record.entry {
            Entry::Offered(_, ack) => Some(ack.hold),
            _ => None,
        })
        .collect();
    let overtakes = findings.lines.iter().filter(|line| line.description == crate::check::OVERTAKES);
    Waitlist {
        joins: count(|entry| matches!(entry, Entry::Joined(..))),
        leaves: count(|entry| matches!(entry, Entry::Left(..))),
        offers: offered.len() as u64,
        offers_paid: ledger.paid().filter(|(_, _, hold, _)| offered.contains(hold)).count() as u64,
        overtakes: overtakes.map(|line| line.violations).sum(),
    }
}

fn money(currency_code: &str, ledger: &Ledger, stats: &Stats) -> Money {
    let mut money = Money { currency_code: currency_code.to_owned(), ..Money::default() };
    for record in &ledger.records {
        match record.entry {
            Entry::Paid(_, _, order) => {
                money.orders += 1;
                money.paid_minor += order.amount_minor;
            }
            Entry::Refunded(_, order) => {
                money.refunds += 1;
                money.refunded_minor += order.refunded_minor;
            }
            _ => {}
        }
    }
    money.declined =
        stats.kind(Kind::Pay).reasons.get(Reason::PaymentDeclined as usize).copied().unwrap_or(0);
    money
}
