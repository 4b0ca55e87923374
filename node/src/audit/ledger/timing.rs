//! When a performance changed hands (I9), and how late its holds expired (I5).

use earlybird_engine::{Millis, Timestamp};

use crate::audit::findings::Findings;
use crate::audit::report::Lateness;
use crate::audit::rule::Rule;

/// How long after a change of owner everything moves again at the latest (L1).
const RECOVERY_BOUND: Millis = Millis(10_000);

/// Owners by epoch, as far as the journal shows them.
#[derive(Debug)]
pub(super) struct Timing {
    expiry_bound: Millis,
    epoch: Option<u64>,
    /// The first entry of the epoch.
    epoch_began: Timestamp,
    late_ms: Vec<u64>,
    excused: u64,
    excused_max_ms: u64,
}

impl Timing {
    pub(super) fn new(expiry_bound: Millis) -> Self {
        let epoch_began = Timestamp(0);
        Self { expiry_bound, epoch: None, epoch_began, late_ms: Vec::new(), excused: 0, excused_max_ms: 0 }
    }

    /// An entry was written under `epoch`.
    pub(super) fn entry(&mut self, epoch: u64, at: Timestamp, findings: &mut Findings) {
        let before = self.epoch.unwrap_or(epoch);
        findings.require(Rule::Epochs, epoch >= before, || {
            format!("written under epoch {epoch} after epoch {before}")
        });
        if self.epoch.is_none_or(|before| epoch > before) {
            self.epoch = Some(epoch);
            self.epoch_began = at;
        }
    }

    /// A hold expired.
    pub(super) fn expired(&mut self, deadline: Timestamp, at: Timestamp, findings: &mut Findings) {
        let late_ms = at.since(deadline).0;
        if self.changed_hands_since(deadline) {
            self.excused += 1;
            self.excused_max_ms = self.excused_max_ms.max(late_ms);
            return;
        }
        self.late_ms.push(late_ms);
        findings.require(Rule::ExpiryInTime, late_ms <= self.expiry_bound.0, || {
            format!("a hold expired {late_ms} ms after its deadline")
        });
    }

    /// At `now`, the last moment that the journal knows, a hold with this deadline still lives.
    pub(super) fn still_lives(&self, deadline: Timestamp, now: Timestamp, findings: &mut Findings) {
        let latest = if self.changed_hands_since(deadline) {
            self.epoch_began.plus(self.expiry_bound.max(RECOVERY_BOUND))
        } else {
            deadline.plus(self.expiry_bound)
        };
        findings.require(Rule::ExpiryInTime, now <= latest, || {
            format!("a hold has not expired {} ms after its deadline", now.since(deadline).0)
        });
    }

    /// Whether the performance had another owner at that time, or none.
    fn changed_hands_since(&self, time: Timestamp) -> bool {
        self.epoch_began > time
    }

    pub(super) fn into_lateness(mut self) -> Lateness {
        self.late_ms.sort_unstable();
        let late_ms = &self.late_ms;
        let quantile = |per_mille: usize| {
            let place = (late_ms.len() * per_mille).div_ceil(1_000).saturating_sub(1);
            late_ms.get(place).copied().unwrap_or(0)
        };
        Lateness {
            expired: late_ms.len() as u64,
            p50_ms: quantile(500),
            p99_ms: quantile(990),
            p999_ms: quantile(999),
            max_ms: late_ms.last().copied().unwrap_or(0),
            excused: self.excused,
            excused_max_ms: self.excused_max_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_was_measured() {
        let mut timing = Timing::new(Millis(200));
        let mut findings = Findings::new();
        timing.entry(1, Timestamp(0), &mut findings);
        for late_ms in (0..100).rev() {
            timing.expired(Timestamp(1_000), Timestamp(1_000 + late_ms), &mut findings);
        }
        let lateness = timing.into_lateness();
        assert_eq!((lateness.p50_ms, lateness.p99_ms, lateness.max_ms, lateness.expired), (49, 98, 99, 100));
    }

    #[test]
    fn nothing_expired_is_nothing_late() {
        assert_eq!(Timing::new(Millis(200)).into_lateness(), Lateness::default());
    }
}
