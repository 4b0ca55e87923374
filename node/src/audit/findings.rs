//! What the checks found so far.

use super::report::Check;
use super::rule::Rule;

/// How many violations of a rule are told in full; the rest is counted.
const EXAMPLES_MAX: usize = 20;

/// Tallies by rule.
#[derive(Debug)]
pub(super) struct Findings {
    /// The entry that is looked at; none before the first and after the last.
    entry: Option<u64>,
    tallies: [Tally; Rule::ALL.len()],
}

#[derive(Debug, Default)]
struct Tally {
    checked: u64,
    violations: u64,
    examples: Vec<String>,
}

impl Findings {
    pub(super) fn new() -> Self {
        Self { entry: None, tallies: std::array::from_fn(|_| Tally::default()) }
    }

    /// From here on, examples begin with this entry.
    pub(super) fn at_entry(&mut self, sequence: u64) {
        self.entry = Some(sequence);
    }

    /// From here on, examples are about the journal as a whole.
    pub(super) fn after_the_last_entry(&mut self) {
        self.entry = None;
    }

    /// Notes one fact that was checked. Returns whether it holds.
    pub(super) fn require(&mut self, rule: Rule, holds: bool, what: impl FnOnce() -> String) -> bool {
        let tally = &mut self.tallies[rule as usize];
        tally.checked += 1;
        if !holds {
            tally.violations += 1;
            if tally.examples.len() < EXAMPLES_MAX {
                tally.examples.push(match self.entry {
                    Some(entry) => format!("entry {entry}: {}", what()),
                    None => what(),
                });
            }
        }
        holds
    }

    /// Notes a violation.
    pub(super) fn violated(&mut self, rule: Rule, what: impl FnOnce() -> String) {
        self.require(rule, false, what);
    }

    /// The findings as they are reported.
    pub(super) fn into_checks(self) -> Vec<Check> {
        let check = |(rule, tally): (Rule, Tally)| {
            let (id, description) = rule.text();
            let Tally { checked, violations, examples } = tally;
            Check { id: id.to_owned(), description: description.to_owned(), checked, violations, examples }
        };
        Rule::ALL.into_iter().zip(self.tallies).map(check).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_its_own_tally() {
        assert!(Rule::ALL.iter().enumerate().all(|(place, rule)| *rule as usize == place));
    }

    #[test]
    fn violations_are_counted_and_some_are_told() {
        let mut findings = Findings::new();
        findings.require(Rule::OneEffect, true, || "nothing".to_owned());
        for entry in 1..=30 {
            findings.at_entry(entry);
            findings.violated(Rule::OneEffect, || "again".to_owned());
        }
        let checks = findings.into_checks();
        let check = checks.iter().find(|check| check.id == "I8").expect("it is a rule");
        assert_eq!((check.checked, check.violations, check.examples.len()), (31, 30, EXAMPLES_MAX));
        assert_eq!(check.examples[0], "entry 1: again");
    }
}
