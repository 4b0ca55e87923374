//! A report as people read it.

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanCount;

use super::report::{AuditReport, Check, MoneySum};

impl AuditReport {
    /// Tables of what was checked and what was found, for a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { performance, entries, .. } = self;
        let mut text = format!("{performance}: {} journal entries\n", HumanCount(*entries));
        text.push_str(&format!("{}\n{}\n", checks_table(&self.checks), self.events_table()));
        if self.expiries.expired + self.expiries.excused > 0 {
            text.push_str(&format!("\n{}\n", self.expiries_text()));
        }
        text.push_str(&format!("\n{}\n", self.money_text()));
        for check in self.checks.iter().filter(|check| check.violations > 0) {
            text.push_str(&format!(
                "\n{} {}: {} violations\n",
                check.id, check.description, check.violations
            ));
            for example in &check.examples {
                text.push_str(&format!("  {example}\n"));
            }
        }
        let violations: u64 = self.checks.iter().map(|check| check.violations).sum();
        let verdict = if self.clean { "clean".to_owned() } else { format!("{violations} VIOLATIONS") };
        text.push_str(&format!("\n{performance}: {verdict}\n"));
        text
    }

    fn events_table(&self) -> Table {
        let mut table = table(["event", "count"]);
        align_right(&mut table, &[1]);
        table
            .add_rows(self.events.iter().map(|(kind, count)| [kind.clone(), HumanCount(*count).to_string()]));
        table
    }

    fn money_text(&self) -> String {
        let MoneySum { currency_code, payments, captured_minor, refunded_minor } = &self.money;
        format!(
            "{} payments: {currency_code} {captured_minor} captured, {refunded_minor} given back (minor units)",
            HumanCount(*payments)
        )
    }

    fn expiries_text(&self) -> String {
        let late = &self.expiries;
        let mut text = format!(
            "{} holds expired, late by {} ms (median), {} ms (99%), {} ms (99.9%), {} ms (most)",
            late.expired, late.p50_ms, late.p99_ms, late.p999_ms, late.max_ms
        );
        if late.excused > 0 {
            let (excused, most) = (late.excused, late.excused_max_ms);
            text.push_str(&format!(
                "; {excused} more while the performance changed hands, at most {most} ms"
            ));
        }
        text
    }
}

fn checks_table(checks: &[Check]) -> Table {
    let mut table = table(["id", "check", "checked", "violations"]);
    align_right(&mut table, &[2, 3]);
    for check in checks {
        let Check { id, description, checked, violations, .. } = check;
        let [checked, violations] = [checked, violations].map(|count| HumanCount(*count).to_string());
        table.add_row([id, description, &checked, &violations]);
    }
    table
}

fn table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(header);
    table
}

fn align_right(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
