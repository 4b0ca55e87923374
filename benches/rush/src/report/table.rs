//! The report on a terminal.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};

use super::{KindReport, ReasonCount, Report};
use crate::check::Ledgers;

/// Violations shown on the terminal; the report has more of them.
const SHOWN_MAX: usize = 20;
/// Reasons shown in a row.
const REASONS_MAX: usize = 4;

/// Prints a report on standard output.
pub fn print_table(report: &Report) {
    println!("{}", kinds_table(&report.kinds));
    println!("{}", facts_table(report));
    if let Some(ledgers) = &report.ledgers {
        println!("{}", ledgers_table(&report.money.currency_code, ledgers));
    }
    if let Some(error) = &report.check_error {
        println!("The check could not be made: {error}");
    } else if report.checks.is_empty() {
        println!("Not checked.");
    } else {
        println!("{}", checks_table(report));
    }
    for violation in report.violations_listed.iter().take(SHOWN_MAX) {
        println!("{}: {}", violation.id, violation.detail);
    }
    if report.violations > SHOWN_MAX as u64 {
        println!("and {} more", report.violations - SHOWN_MAX as u64);
    }
    println!("{}", verdict(report));
}

/// One line that says how it went.
pub(super) fn verdict(report: &Report) -> String {
    let house = match (report.seats.sold_out, report.seats.sold_out_s) {
        (true, Some(at_s)) => format!("Sold out, first after {at_s:.1} s"),
        (true, None) => "Sold out".to_owned(),
        (false, _) => format!("Not sold out: {} of {} sold", report.seats.counts.sold, report.seats.capacity),
    };
    let check = match (&report.check_error, report.checks.is_empty(), report.violations) {
        (Some(_), _, _) => "the check could not be made".to_owned(),
        (None, true, _) => "not checked".to_owned(),
        (None, false, 0) => "no violations".to_owned(),
        (None, false, 1) => "1 VIOLATION".to_owned(),
        (None, false, count) => format!("{count} VIOLATIONS"),
    };
    let requests = &report.requests;
    format!(
        "{house}; {} requests in {:.1} s ({}/s); {check}.",
        grouped(requests.answered),
        report.duration_s,
        grouped(requests.rate_per_s as u64)
    )
}

/// The table of the kinds of command.
pub fn kinds_table(kinds: &[KindReport]) -> Table {
    let mut table = table(&[
        "command", "count", "ok", "rejected", "errors", "retried", "p50 ms", "p90", "p99", "p99.9", "max",
        "reasons",
    ]);
    for kind in kinds {
        let latency = &kind.latency;
        let mut row = vec![Cell::new(kind.kind)];
        row.extend(
            [kind.count, kind.ok, kind.rejected, kind.errors, kind.retried]
                .map(|count| right(grouped(count))),
        );
        let latencies = [latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.p999_ms, latency.max_ms];
        row.extend(latencies.map(|ms| right(milliseconds(ms))));
        row.push(Cell::new(reasons(&kind.reasons)));
        table.add_row(row);
    }
    table
}

fn facts_table(report: &Report) -> Table {
    let mut table = table(&["", ""]);
    for (name, value) in facts(report) {
        table.add_row(vec![Cell::new(name), Cell::new(value)]);
    }
    table
}

/// The facts of a report that are not in another table.
pub(super) fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let (requests, seats, waitlist, money) =
        (&report.requests, &report.seats.counts, &report.waitlist, &report.money);
    vec![
        ("performance", report.performance.clone()),
        (
            "buyers",
            format!("{}, {} of them members", grouped(report.buyers.into()), grouped(report.members.into())),
        ),
        (
            "requests",
            format!(
                "{} planned, {} sent, {} answered: {} ok, {} rejected, {} errors",
                grouped(requests.planned),
                grouped(requests.sent),
                grouped(requests.answered),
                grouped(requests.ok),
                grouped(requests.rejected),
                grouped(requests.errors)
            ),
        ),
        (
            "retries",
            format!(
                "{} attempts sent again, {} late answers, {} in doubt, {} sessions lost",
                grouped(requests.retried),
                grouped(requests.late),
                grouped(requests.unanswered),
                requests.disconnects
            ),
        ),
        (
            "seats",
            format!(
                "{} sold, {} held, {} paying, {} free, {} blocked of {}",
                grouped(seats.sold.into()),
                seats.held,
                seats.paying,
                seats.free,
                seats.blocked,
                grouped(report.seats.capacity.into())
            ),
        ),
        (
            "waitlist",
            format!(
                "{} joins, {} leaves, {} offers seen, {} of them paid, {} overtakes",
                grouped(waitlist.joins),
                waitlist.leaves,
                grouped(waitlist.offers),
                grouped(waitlist.offers_paid),
                waitlist.overtakes
            ),
        ),
        (
            "money",
            format!(
                "{} {} from {} orders, {} given back for {}, {} payments declined (minor units)",
                money.currency_code,
                grouped(money.paid_minor.unsigned_abs()),
                grouped(money.orders),
                grouped(money.refunded_minor.unsigned_abs()),
                grouped(money.refunds),
                grouped(money.declined)
            ),
        ),
    ]
}

/// The table of the three ledgers.
pub fn ledgers_table(currency_code: &str, ledgers: &Ledgers) -> Table {
    let mut table = table(&["ledger", "payments", "captured", "given back", "kept"]);
    for row in ledger_rows(currency_code, ledgers) {
        let [name, amounts @ ..] = row;
        table.add_row(std::iter::once(Cell::new(name)).chain(amounts.map(right)));
    }
    table
}

/// A row for each ledger: its name, payments, captured, given back, kept.
pub(super) fn ledger_rows(currency_code: &str, ledgers: &Ledgers) -> [[String; 5]; 3] {
    let amount = |minor: i64| {
        let sign = if minor < 0 { "-" } else { "" };
        format!("{currency_code} {sign}{}", grouped(minor.unsigned_abs()))
    };
    ledgers.rows().map(|(name, sum)| {
        [
            name.to_owned(),
            grouped(sum.payments),
            amount(sum.captured_minor),
            amount(sum.refunded_minor),
            amount(sum.kept_minor()),
        ]
    })
}

fn checks_table(report: &Report) -> Table {
    let mut table = table(&["", "check", "looked at", "violations"]);
    for line in &report.checks {
        table.add_row(vec![
            Cell::new(line.id),
            Cell::new(line.description),
            right(grouped(line.checked)),
            right(grouped(line.violations)),
        ]);
    }
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    if header.iter().any(|name| !name.is_empty()) {
        table.set_header(header.iter().map(|name| Cell::new(*name)));
    }
    table
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// The most frequent reasons.
pub(super) fn reasons(reasons: &[ReasonCount]) -> String {
    let named = reasons.iter().take(REASONS_MAX).map(|r| format!("{} {}", r.reason, grouped(r.count)));
    let mut text = named.collect::<Vec<_>>().join(", ");
    if reasons.len() > REASONS_MAX {
        text.push_str(", …");
    }
    text
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds with as many digits as matter.
pub(super) fn milliseconds(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.2}")
    } else if ms < 100.0 {
        format!("{ms:.1}")
    } else {
        grouped(ms.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(2_000_000), "2,000,000");
        assert_eq!(milliseconds(0.123), "0.12");
        assert_eq!(milliseconds(12.34), "12.3");
        assert_eq!(milliseconds(4_321.0), "4,321");
    }
}
