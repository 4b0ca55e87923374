//! Faults on demand, in the payment key, for a shop that knows nothing of the simulator.
//!
//! ```text
//!  sim.REJECT_CARD_PAYMENT.8c1f          the confirmation is declined
//!  sim.PROVIDER_ERROR-2.silent-done.8c1f two errors without effect, then captured without an answer, then as usual
//!  sim.done-REJECT_CARD_PAYMENT.8c1f     captured, and answered as though it were declined
//!  sim.cancel-reset-done.8c1f            the first refund is done, and its connection reset
//!  sim.silent-late-500.8c1f              no answer; captured half a second later
//!  sim.virtual-account.8c1f              paid into a virtual account
//!  sim.delay-1500.8c1f                   every call takes 1.5 s
//! ```
//!
//! Steps are separated by dots; the first part that is none of them ends the list. A fault is for the confirmation unless
//! `cancel-` or `find-` stands before it. It comes once; `-3` behind it makes that three times, `-always` every time.

use std::time::Duration;

use super::{Fault, Operation};
use crate::code::ErrorCode;
use crate::ids::PaymentKey;

/// What begins a key that has directives.
const START: &str = "sim.";
/// Longest time that a key may ask for, in milliseconds.
const TIME_MS_MAX: u64 = 600_000;

/// What a payment key asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// Whether it is paid into a virtual account.
    pub is_virtual_account: bool,
    /// How long every call takes, if that is said.
    pub delay: Option<Duration>,
    faults: Vec<Directive>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Directive {
    operation: Operation,
    fault: Fault,
    times: u32,
}

impl Directives {
    /// What `key` asks for.
    #[must_use]
    pub fn of(key: &PaymentKey) -> Self {
        let mut directives = Self::default();
        let Some(steps) = key.as_str().strip_prefix(START) else { return directives };
        for step in steps.split('.') {
            if step == "virtual-account" {
                directives.is_virtual_account = true;
            } else if let Some(delay) = step.strip_prefix("delay-").and_then(milliseconds) {
                directives.delay = Some(delay);
            } else if let Some(directive) = Directive::parse(step) {
                directives.faults.push(directive);
            } else {
                break;
            }
        }
        directives
    }

    /// The fault of a call after so many others of its kind, if one is due.
    #[must_use]
    pub fn fault(&self, operation: Operation, calls_before: u32) -> Option<Fault> {
        let mut calls_left = calls_before;
        for directive in self.faults.iter().filter(|directive| directive.operation == operation) {
            if calls_left < directive.times {
                return Some(directive.fault);
            }
            calls_left -= directive.times;
        }
        None
    }
}

impl Directive {
    fn parse(step: &str) -> Option<Self> {
        let (operation, step) = match step.split_once('-') {
            Some(("cancel", rest)) => (Operation::Cancel, rest),
            Some(("find", rest)) => (Operation::Find, rest),
            _ => (Operation::Confirm, step),
        };
        if let Some(fault) = fault(step) {
            return Some(Self { operation, fault, times: 1 });
        }
        let (step, times) = step.rsplit_once('-')?;
        let times = if times == "always" { u32::MAX } else { times.parse().ok()? };
        Some(Self { operation, fault: fault(step)?, times })
    }
}

fn fault(step: &str) -> Option<Fault> {
    match step {
        "silent" => Some(Fault::Silent),
        "silent-done" => Some(Fault::SilentDone),
        "reset" => Some(Fault::Reset),
        "reset-done" => Some(Fault::ResetDone),
        _ => {
            if let Some(delay) = step.strip_prefix("silent-late-") {
                return milliseconds(delay).map(Fault::SilentLate);
            }
            match step.strip_prefix("done-") {
                Some(code) => ErrorCode::parse(code).map(Fault::ErrorDone),
                None => ErrorCode::parse(step).map(Fault::Error),
            }
        }
    }
}

fn milliseconds(text: &str) -> Option<Duration> {
    let time_ms: u64 = text.parse().ok()?;
    (time_ms <= TIME_MS_MAX).then(|| Duration::from_millis(time_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, operation: Operation, expected: &[Option<Fault>]) {
        let directives = Directives::of(&key.into());
        for (calls_before, fault) in (0..).zip(expected) {
            assert_eq!(directives.fault(operation, calls_before), *fault, "call {calls_before} of {key}");
        }
    }

    #[test]
    fn faults_come_in_turn() {
        let (confirm, cancel, find) = (Operation::Confirm, Operation::Cancel, Operation::Find);
        let declined = Some(Fault::Error(ErrorCode::REJECT_CARD_PAYMENT));
        let error = Some(Fault::Error(ErrorCode::PROVIDER_ERROR));
        check("sim.REJECT_CARD_PAYMENT.1", confirm, &[declined, None]);
        check("sim.REJECT_CARD_PAYMENT-always.1", confirm, &[declined, declined, declined]);
        let done = Some(Fault::SilentDone);
        check("sim.PROVIDER_ERROR-2.silent-done.1", confirm, &[error, error, done, None]);
        check("sim.PROVIDER_ERROR-2.silent-done.1", cancel, &[None]);
        check(
            "sim.cancel-reset-done-2.reset.1",
            cancel,
            &[Some(Fault::ResetDone), Some(Fault::ResetDone), None],
        );
        check("sim.cancel-reset-done-2.reset.1", confirm, &[Some(Fault::Reset), None]);
        check("sim.find-PROVIDER_ERROR.1", find, &[error, None]);
        let late = Some(Fault::SilentLate(Duration::from_millis(500)));
        check("sim.silent-late-500.1", confirm, &[late, None]);
        let captured = Some(Fault::ErrorDone(ErrorCode::REJECT_CARD_PAYMENT));
        check("sim.done-REJECT_CARD_PAYMENT.1", confirm, &[captured, None]);
    }

    #[test]
    fn other_keys_ask_for_nothing() {
        for key in ["tgen_20260131", "sim", "sim.", "sim.8c1f", "sim.8c1f.silent", "REJECT_CARD_PAYMENT"] {
            assert_eq!(Directives::of(&key.into()), Directives::default(), "{key}");
        }
    }

    #[test]
    fn a_key_chooses_the_method_and_the_time() {
        let directives = Directives::of(&"sim.virtual-account.delay-1500.x".into());
        assert!(directives.is_virtual_account);
        assert_eq!(directives.delay, Some(Duration::from_millis(1_500)));
    }
}
