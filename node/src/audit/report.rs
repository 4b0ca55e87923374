//! What an audit found.

use std::collections::BTreeMap;

use earlybird_proto::v1;
use serde::{Deserialize, Serialize};

/// The outcome of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// `performances/{performance}`.
    pub performance: String,
    /// When the audit was made, in milliseconds since the Unix epoch, on the clock of the store.
    pub audited_at_ms: u64,
    /// Journal entries replayed.
    pub entries: u64,
    /// The last of them; 0 for an empty journal.
    pub last_sequence: u64,
    /// Each check with what was looked at and what was found.
    pub checks: Vec<Check>,
    /// How often each kind of event occurred.
    pub events: BTreeMap<String, u64>,
    /// How late holds expired.
    pub expiries: Lateness,
    /// The money that moved.
    pub money: MoneySum,
    /// Whether all checks hold.
    pub clean: bool,
}

/// What the orders and refunds of a journal add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneySum {
    /// ISO 4217 code.
    pub currency_code: String,
    /// Payments that were captured.
    pub payments: u64,
    /// What was captured, in minor units.
    pub captured_minor: i64,
    /// What of it was given back, in minor units.
    pub refunded_minor: i64,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The id of its invariant, such as `I1`.
    pub id: String,
    /// What it says.
    pub description: String,
    /// How many facts were checked.
    pub checked: u64,
    /// How many violations were found.
    pub violations: u64,
    /// The first violations, at most 20.
    pub examples: Vec<String>,
}

/// How long after its deadline a hold expired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// Holds that expired while the performance was served.
    pub expired: u64,
    /// The median of these, in milliseconds.
    pub p50_ms: u64,
    /// 99 of 100 were no later.
    pub p99_ms: u64,
    /// 999 of 1,000 were no later.
    pub p999_ms: u64,
    /// The latest.
    pub max_ms: u64,
    /// Holds whose deadline came while the performance changed hands, or nobody had it: the bound does not apply.
    pub excused: u64,
    /// The latest of these.
    pub excused_max_ms: u64,
}

impl From<AuditReport> for v1::AuditReport {
    fn from(report: AuditReport) -> Self {
        let seconds = i64::try_from(report.audited_at_ms / 1_000).unwrap_or(i64::MAX);
        let nanos = (report.audited_at_ms % 1_000) as i32 * 1_000_000;
        Self {
            performance: report.performance,
            entries: report.entries,
            last_sequence: report.last_sequence,
            checks: report.checks.into_iter().map(Into::into).collect(),
            events: report.events.into_iter().collect(),
            audit_time: Some(prost_types::Timestamp { seconds, nanos }),
            money: Some(report.money.into()),
            clean: report.clean,
        }
    }
}

impl From<MoneySum> for v1::AuditMoney {
    fn from(money: MoneySum) -> Self {
        let MoneySum { currency_code, payments, captured_minor, refunded_minor } = money;
        Self { currency_code, payments, captured_minor, refunded_minor }
    }
}

impl From<Check> for v1::AuditCheck {
    fn from(check: Check) -> Self {
        let Check { id, description, checked, violations, examples } = check;
        Self { id, description, checked, violations, examples }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_what_the_report_says() {
        let check = Check {
            id: "I1".into(),
            description: "one claim".into(),
            checked: 7,
            violations: 1,
            examples: vec!["entry 3: two".into()],
        };
        let report = AuditReport {
            performance: "performances/carmen".into(),
            audited_at_ms: 1_234_567,
            entries: 3,
            last_sequence: 3,
            checks: vec![check],
            events: BTreeMap::from([("held".to_owned(), 2)]),
            expiries: Lateness::default(),
            money: MoneySum { payments: 2, ..MoneySum::default() },
            clean: false,
        };
        let message = v1::AuditReport::from(report);
        assert_eq!(message.audit_time, Some(prost_types::Timestamp { seconds: 1_234, nanos: 567_000_000 }));
        assert_eq!((message.entries, message.last_sequence, message.clean), (3, 3, false));
        assert_eq!((message.checks[0].checked, message.checks[0].violations), (7, 1));
        assert_eq!(message.money.map(|money| money.payments), Some(2));
        assert_eq!(
            (&*message.checks[0].examples, message.events["held"]),
            (&["entry 3: two".to_owned()][..], 2)
        );
    }
}
