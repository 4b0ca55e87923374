//! I11: the counts are of the seats, and add up to the capacity.

use super::{Evidence, Findings};
use crate::onsale::view::Counts;

pub(super) fn check(evidence: &Evidence<'_>, findings: &mut Findings) {
    let state = evidence.state;
    let count = |wanted: u8| state.states.iter().filter(|state| **state == wanted).count() as u32;
    let counted =
        Counts { free: count(0), held: count(1), paying: count(2), sold: count(3), blocked: count(4) };
    let capacity = evidence.rules.prices.len() as u32;
    let mut wrong = Vec::new();
    if counted.total() != capacity || state.states.len() != capacity as usize {
        wrong.push(format!(
            "{} seats are shown in known states, but the capacity is {capacity}",
            counted.total()
        ));
    }
    if state.counts != counted {
        wrong.push(format!("the server counts {:?}, but shows {counted:?}", state.counts));
    }
    findings.add("I11", "the counts of the seats add up to the capacity", u64::from(capacity), wrong);
}
