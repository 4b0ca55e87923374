//! Audits of performances.

use earlybird_proto::v1::{AuditCheck, AuditReport};
use serde::Serialize;

use crate::names::short;
use crate::output::{Row, Shown, table};

/// The audits of some performances.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Audit(Vec<AuditRow>);

#[derive(Debug, Serialize)]
struct AuditRow {
    performance: String,
    clean: bool,
    entries: u64,
    last_sequence: u64,
    checks: Vec<CheckRow>,
}

#[derive(Debug, Serialize)]
struct CheckRow {
    id: String,
    description: String,
    checked: u64,
    violations: u64,
    examples: Vec<String>,
}

impl Audit {
    pub(crate) fn push(&mut self, report: AuditReport) {
        self.0.push(AuditRow {
            performance: short(&report.performance),
            clean: report.clean,
            entries: report.entries,
            last_sequence: report.last_sequence,
            checks: report.checks.into_iter().map(CheckRow::from).collect(),
        });
    }

    /// How many performances have violations.
    pub(crate) fn violated(&self) -> usize {
        self.0.iter().filter(|row| !row.clean).count()
    }
}

impl From<AuditCheck> for CheckRow {
    fn from(check: AuditCheck) -> Self {
        let AuditCheck { id, description, checked, violations, examples } = check;
        Self { id, description, checked, violations, examples }
    }
}

impl Row for AuditRow {
    const HEADER: &'static [&'static str] = &["performance", " entries", " checked", " violations"];

    fn cells(&self) -> Vec<String> {
        let sum = |count: fn(&CheckRow) -> u64| self.checks.iter().map(count).sum::<u64>().to_string();
        vec![
            self.performance.clone(),
            self.entries.to_string(),
            sum(|check| check.checked),
            sum(|check| check.violations),
        ]
    }
}

impl Shown for Audit {
    fn text(&self) -> String {
        let mut text = table(&self.0, "no performances");
        for row in &self.0 {
            for check in row.checks.iter().filter(|check| check.violations > 0) {
                let CheckRow { id, description, .. } = check;
                text.push_str(&format!("\n{}: {id} does not hold: {description}", row.performance));
                for example in &check.examples {
                    text.push_str(&format!("\n  {example}"));
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_named() {
        let check = |id: &str, violations: u64| AuditCheck {
            id: id.to_owned(),
            description: "a seat has one live claim".to_owned(),
            checked: 100,
            violations,
            examples: (0..violations).map(|seat| format!("seat {seat} has two claims")).collect(),
        };
        let report = |name: &str, violations: u64| AuditReport {
            performance: format!("performances/{name}"),
            entries: 40,
            last_sequence: 40,
            checks: vec![check("I1", violations), check("I2", 0)],
            clean: violations == 0,
            ..AuditReport::default()
        };
        let mut audit = Audit::default();
        audit.push(report("carmen", 0));
        assert_eq!(audit.violated(), 0);
        audit.push(report("tosca", 1));
        assert_eq!(audit.violated(), 1);
        assert_eq!(
            audit.text(),
            "\
┌─────────────┬─────────┬─────────┬────────────┐
│ performance ┆ entries ┆ checked ┆ violations │
╞═════════════╪═════════╪═════════╪════════════╡
│ carmen      ┆      40 ┆     200 ┆          0 │
│ tosca       ┆      40 ┆     200 ┆          1 │
└─────────────┴─────────┴─────────┴────────────┘
tosca: I1 does not hold: a seat has one live claim
  seat 0 has two claims"
        );
        let json = serde_json::to_value(&audit).expect("it serialises");
        assert_eq!(json[1]["checks"][0]["examples"][0], "seat 0 has two claims");
    }
}
