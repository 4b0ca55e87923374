//! Whether this run of the node may still speak for what it owns.
//!
//! The epoch protects what is written; the lease protects what is only said: reads, rejections, and holds that are
//! acknowledged from memory. It is counted from before its renewal was sent, on a clock that goes on while the machine
//! sleeps, so it is over here before it is over in the store, and a node that was frozen knows so when it wakes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::uptime;

/// Never over: nobody else can be the owner.
const UNGUARDED: u64 = u64::MAX;

/// The lease of one run.
#[derive(Debug)]
pub(crate) struct Lease {
    /// On the clock since the machine was started.
    until_ms: AtomicU64,
    /// It has lasted, and every renewal was answered, since then, on the same clock.
    since_ms: AtomicU64,
}

impl Lease {
    /// A lease that is over until it is renewed, or for a node alone (`guarded` is false) one that never is.
    pub(crate) fn new(guarded: bool) -> Self {
        let until_ms = AtomicU64::new(if guarded { 0 } else { UNGUARDED });
        Self { until_ms, since_ms: AtomicU64::new(0) }
    }

    /// Whether it lasts.
    pub(crate) fn holds(&self) -> bool {
        match self.until_ms.load(Ordering::Acquire) {
            UNGUARDED => true,
            until_ms => millis(uptime()) < until_ms,
        }
    }

    /// It was renewed for `span`, by a statement that was sent when the machine had been up for `sent`.
    pub(crate) fn renewed(&self, sent: Duration, span: Duration) {
        if !self.holds() {
            self.since_ms.store(millis(uptime()), Ordering::Release);
        }
        // The largest value stays the largest.
        self.until_ms.fetch_max(millis(sent + span), Ordering::AcqRel);
    }

    /// A renewal has no answer.
    pub(crate) fn missed(&self) {
        self.since_ms.store(millis(uptime()), Ordering::Release);
    }

    /// For how long it has lasted without a gap, and without a renewal that had no answer.
    pub(crate) fn unbroken(&self) -> Duration {
        let now_ms = millis(uptime());
        let lasted_ms =
            if self.holds() { now_ms.saturating_sub(self.since_ms.load(Ordering::Acquire)) } else { 0 };
        Duration::from_millis(lasted_ms)
    }

    /// This run is over, whatever the clock says.
    pub(crate) fn end(&self) {
        self.until_ms.store(0, Ordering::Release);
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(UNGUARDED - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_before_it_was_asked_for() {
        let lease = Lease::new(true);
        assert!(!lease.holds());
        let long_ago = uptime().saturating_sub(Duration::from_secs(3));
        lease.renewed(long_ago, Duration::from_secs(3));
        assert!(!lease.holds());
        lease.renewed(uptime(), Duration::from_secs(60));
        lease.renewed(long_ago, Duration::from_secs(3));
        assert!(lease.holds(), "an answer that comes late takes nothing back");
        assert!(lease.unbroken() < Duration::from_secs(3), "it was over in between");
        lease.end();
        assert!(!lease.holds());
    }

    #[test]
    fn a_renewal_without_an_answer_is_a_gap() {
        let lease = Lease::new(true);
        lease.renewed(uptime(), Duration::from_secs(60));
        lease.since_ms.store(0, Ordering::Release);
        let before = lease.unbroken();
        lease.missed();
        assert!(lease.holds() && lease.unbroken() < before);
    }

    #[test]
    fn a_node_alone_needs_none_and_still_can_end() {
        let lease = Lease::new(false);
        lease.renewed(Duration::ZERO, Duration::ZERO);
        assert!(lease.holds());
        lease.end();
        assert!(!lease.holds());
    }
}
