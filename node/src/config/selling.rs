//! The actors that sell, the write-behind lane behind them, and the payment provider.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::Checks;
use super::value::duration;

/// The actors that sell performances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShardConfig {
    /// Commands waiting for one performance; a further one is `RESOURCE_EXHAUSTED` at once.
    pub inbox_capacity: usize,
    /// How often deadlines are looked at.
    #[serde(with = "duration")]
    pub tick: Duration,
    /// An idle performance leaves memory after so long.
    #[serde(with = "duration")]
    pub passivate_after: Duration,
    /// Journal entries from one snapshot to the next.
    pub snapshot_every_entries: u64,
}

/// Write-behind: how many lanes, and how they gather.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LaneConfig {
    /// Lanes at work at once; each performance is in one of them.
    pub count: usize,
    /// Most entries of one write.
    pub flush_entries_max: usize,
    /// Entries that wait to be written, over all performances of a lane; beyond it commands are refused.
    pub outbox_entries_max: usize,
    /// How long a reply waits for its write before the caller hears that the outcome is unknown.
    #[serde(with = "duration")]
    pub ack_timeout: Duration,
}

/// The payment provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentsConfig {
    /// Which one.
    pub gateway: Gateway,
    /// How long the test gateway takes for an answer.
    #[serde(with = "duration")]
    pub test_latency: Duration,
}

/// A payment provider by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gateway {
    /// In the process, moving no money.
    Test,
}

impl Default for ShardConfig {
    fn default() -> Self {
        Self {
            inbox_capacity: 16_384,
            tick: Duration::from_millis(50),
            passivate_after: Duration::from_secs(600),
            snapshot_every_entries: 50_000,
        }
    }
}

impl Default for LaneConfig {
    fn default() -> Self {
        Self {
            count: 2,
            flush_entries_max: 512,
            outbox_entries_max: 65_536,
            ack_timeout: Duration::from_secs(10),
        }
    }
}

impl Default for PaymentsConfig {
    fn default() -> Self {
        Self { gateway: Gateway::Test, test_latency: Duration::from_millis(20) }
    }
}

impl ShardConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.number("shard.inbox_capacity", self.inbox_capacity, 1, 1_000_000);
        // A lapsed hold has 200 ms to be free or offered (I5): the tick must leave room for that.
        checks.span_ms("shard.tick", self.tick, 1, 100);
        checks.span_ms("shard.passivate_after", self.passivate_after, 100, 86_400_000);
        checks.number("shard.snapshot_every_entries", self.snapshot_every_entries as usize, 1, 100_000_000);
    }
}

impl LaneConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.number("lane.count", self.count, 1, 64);
        checks.number("lane.flush_entries_max", self.flush_entries_max, 1, 10_000);
        checks.number("lane.outbox_entries_max", self.outbox_entries_max, self.flush_entries_max, 10_000_000);
        checks.span_ms("lane.ack_timeout", self.ack_timeout, 10, 600_000);
    }
}

impl PaymentsConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.span_ms("payments.test_latency", self.test_latency, 0, 600_000);
    }
}
