//! The actors that sell, and the write-behind lane behind them.

use std::net::SocketAddr;
use std::time::Duration;

use earlybird_persistence::NodeId;
use serde::{Deserialize, Serialize};

use super::Config;
use super::check::Checks;
use super::value::duration;
use crate::node::NodeOptions;

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

impl Default for ShardConfig {
    fn default() -> Self {
        let options = NodeOptions::default();
        Self {
            inbox_capacity: options.inbox_capacity,
            tick: options.tick,
            passivate_after: options.passivate_after,
            snapshot_every_entries: options.snapshot_every_entries,
        }
    }
}

impl Default for LaneConfig {
    fn default() -> Self {
        let options = NodeOptions::default();
        Self {
            count: options.lanes,
            flush_entries_max: options.flush_entries_max,
            outbox_entries_max: options.outbox_entries_max,
            ack_timeout: options.ack_timeout,
        }
    }
}

impl Config {
    /// What the node is started with. `grpc` is where it listens.
    ///
    /// # Errors
    /// The secret key of the payment provider, or that of the cluster, cannot be read.
    pub fn node_options(&self, grpc: SocketAddr) -> anyhow::Result<NodeOptions> {
        Ok(NodeOptions {
            node_id: NodeId::new(self.node.id.as_str()),
            cluster: self.cluster.options(format!("{}://{grpc}", self.tls.scheme()))?,
            lanes: self.lane.count,
            flush_entries_max: self.lane.flush_entries_max,
            outbox_entries_max: self.lane.outbox_entries_max,
            ack_timeout: self.lane.ack_timeout,
            inbox_capacity: self.shard.inbox_capacity,
            tick: self.shard.tick,
            passivate_after: self.shard.passivate_after,
            snapshot_every_entries: self.shard.snapshot_every_entries,
            payments: self.payments.options()?,
            people: self.people_options(),
        })
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
