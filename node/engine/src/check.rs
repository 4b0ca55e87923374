//! The invariants that every committed state keeps, checked in full: for tests and the audit.

mod claims;
mod indexes;
mod money;
mod waiting;

use crate::State;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's id, such as `I1`.
    pub id: &'static str,
    /// What is wrong.
    pub what: String,
}

/// Checks I1, I3, I10 and I11, the structure that I6 and I7 rest on, and that all indexes agree. Reads the whole state.
///
/// # Errors
/// All violations that were found.
pub fn check_invariants(state: &State) -> Result<(), Vec<Violation>> {
    let mut findings = Findings(Vec::new());
    claims::check(state, &mut findings);
    waiting::check(state, &mut findings);
    indexes::check(state, &mut findings);
    money::check(state, &mut findings);
    if findings.0.is_empty() { Ok(()) } else { Err(findings.0) }
}

/// What the checks found so far.
struct Findings(Vec<Violation>);

impl Findings {
    fn require(&mut self, holds: bool, id: &'static str, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Violation { id, what: what() });
        }
    }
}
