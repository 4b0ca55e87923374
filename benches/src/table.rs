//! The rows as people read them, and as programs do.

use std::path::Path;

use anyhow::Context;
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::machine::Machine;
use crate::row::{Figure, Goal, Row, Unit, Verdict};

/// The table, in Markdown so that it can be pasted into `README.md`.
#[must_use]
pub fn render(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(["what", "measured", "peer", "ratio", "target", ""]);
    for row in rows {
        table.add_row([
            row.what.clone(),
            figure(row.measured),
            row.peer.as_ref().map_or_else(String::new, |(name, peer)| format!("{} {name}", figure(*peer))),
            row.ratio().map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            goal(row),
            verdict(row.verdict()).to_owned(),
        ]);
    }
    for index in 1..5 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// Writes rows and machine to a file.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(path: &Path, machine: &Machine, rows: &[Row]) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Told<'r> {
        #[serde(flatten)]
        row: &'r Row,
        ratio: Option<f64>,
        verdict: Verdict,
    }
    let told: Vec<Told<'_>> =
        rows.iter().map(|row| Told { row, ratio: row.ratio(), verdict: row.verdict() }).collect();
    let report = serde_json::json!({ "machine": machine, "rows": told });
    std::fs::write(path, serde_json::to_vec_pretty(&report)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A figure for people, with its unit.
#[must_use]
pub fn figure(figure: Figure) -> String {
    let number = number(figure.value);
    match figure.unit {
        Unit::PerSecond => format!("{number}/s"),
        Unit::Milliseconds => format!("{number} ms"),
        Unit::Bytes => format!("{number} B"),
        Unit::Count => number,
    }
}

fn goal(row: &Row) -> String {
    let value = |value| figure(Figure { value, unit: row.measured.unit });
    match row.goal {
        Goal::AtLeast(least) => format!("≥ {}", value(least)),
        Goal::AtMost(most) => format!("≤ {}", value(most)),
        Goal::TimesPeer(times) => format!("≥ {times}×"),
        Goal::AtMostTimesPeer(times) => format!("≤ {times}×"),
        Goal::None => String::new(),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Short => "SHORT",
        Verdict::Shown => "",
    }
}

/// Three digits that count, and thousands apart.
fn number(value: f64) -> String {
    if value < 100.0 && value.fract() != 0.0 {
        return if value < 10.0 { format!("{value:.2}") } else { format!("{value:.1}") };
    }
    let digits = format!("{value:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: f64, expected: &str) {
        assert_eq!(number(value), expected);
    }

    #[test]
    fn numbers_are_short_and_readable() {
        check(0.0, "0");
        check(0.1234, "0.12");
        check(12.34, "12.3");
        check(999.6, "1,000");
        check(1_234_567.8, "1,234,568");
    }

    #[test]
    fn a_missed_target_is_shown() {
        let row = Row::new("echo", Figure::per_second(10.0), Goal::TimesPeer(0.5))
            .against("echo", Figure::per_second(40.0));
        let table = render(&[row]);
        assert!(table.contains("SHORT") && table.contains("0.25") && table.contains("≥ 0.5×"), "{table}");
    }
}
