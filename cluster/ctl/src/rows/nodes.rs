//! Nodes.

use std::fmt::Write as _;

use earlybird_proto::v1::cluster_node::State;
use earlybird_proto::v1::{ClusterNode, ClusterView};
use serde::Serialize;

use super::{milliseconds, seconds};
use crate::names::short;
use crate::output::{Row, Shown, table};

/// The cluster.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    view_version: u64,
    /// Empty if there is none.
    coordinator: String,
    answered_by: String,
    buckets: u32,
    buckets_unowned: u32,
    pub(crate) nodes: Vec<NodeRow>,
}

/// A node.
#[derive(Debug, Serialize)]
pub(crate) struct NodeRow {
    node: String,
    state: &'static str,
    pub(crate) suspected: bool,
    incarnation: u64,
    lease_remaining_ms: i64,
    weight: u32,
    buckets: u32,
    epoch_max: u64,
    performances_active: u32,
    pub(crate) commands_per_s: f64,
    seats: u64,
    pub(crate) load: f64,
    address: String,
}

impl From<ClusterView> for Status {
    fn from(view: ClusterView) -> Self {
        Self {
            view_version: view.view_version,
            coordinator: short(&view.coordinator),
            answered_by: short(&view.answered_by),
            buckets: view.buckets,
            buckets_unowned: view.buckets_unowned,
            nodes: view.nodes.into_iter().map(NodeRow::from).collect(),
        }
    }
}

impl From<ClusterNode> for NodeRow {
    fn from(node: ClusterNode) -> Self {
        Self {
            state: match node.state() {
                State::Unspecified => "UNKNOWN",
                state => state.as_str_name(),
            },
            node: short(&node.name),
            suspected: node.suspected,
            incarnation: node.incarnation,
            lease_remaining_ms: milliseconds(node.lease_remaining),
            weight: node.weight,
            buckets: node.buckets,
            epoch_max: node.epoch_max,
            performances_active: node.performances_active,
            commands_per_s: node.commands_per_s,
            seats: node.seats,
            load: node.load,
            address: node.address,
        }
    }
}

impl Row for NodeRow {
    const HEADER: &'static [&'static str] = &[
        "node",
        "state",
        " run",
        " lease",
        " weight",
        " buckets",
        " epoch",
        " active",
        " commands/s",
        " seats",
        " load",
        "address",
    ];

    fn cells(&self) -> Vec<String> {
        let suspected = if self.suspected { ", silent" } else { "" };
        vec![
            self.node.clone(),
            format!("{}{suspected}", self.state.to_lowercase()),
            self.incarnation.to_string(),
            seconds(self.lease_remaining_ms),
            self.weight.to_string(),
            self.buckets.to_string(),
            self.epoch_max.to_string(),
            self.performances_active.to_string(),
            format!("{:.0}", self.commands_per_s),
            self.seats.to_string(),
            format!("{:.0}", self.load),
            self.address.clone(),
        ]
    }
}

impl Status {
    /// What there is to say beside the nodes.
    pub(crate) fn headline(&self) -> String {
        let coordinator = if self.coordinator.is_empty() { "nobody" } else { &self.coordinator };
        let mut line = format!("view {}, coordinated by {coordinator}", self.view_version);
        if self.buckets_unowned > 0 {
            // Writing to a string never fails.
            let _ = write!(line, ", {} of {} buckets WITHOUT AN OWNER", self.buckets_unowned, self.buckets);
        }
        line
    }
}

impl Shown for Status {
    fn text(&self) -> String {
        format!("{}\n{}", table(&self.nodes, "no nodes"), self.headline())
    }
}

impl Shown for NodeRow {
    fn text(&self) -> String {
        table(std::slice::from_ref(self), "")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two nodes, one of which is in trouble.
    pub(crate) fn view() -> ClusterView {
        let node = |name: &str, state: State, remaining_ms: i32| ClusterNode {
            name: format!("nodes/{name}"),
            incarnation: 3,
            address: format!("http://{name}:50051"),
            state: state.into(),
            lease_remaining: Some(prost_types::Duration {
                seconds: i64::from(remaining_ms / 1_000),
                nanos: remaining_ms % 1_000 * 1_000_000,
            }),
            suspected: remaining_ms < 0,
            weight: 1,
            buckets: 512,
            epoch_max: 9,
            performances_active: 12,
            commands_per_s: 4_999.6,
            seats: 120_000,
            load: 600.25,
        };
        ClusterView {
            view_version: 41,
            coordinator: "nodes/earlybird-0".to_owned(),
            answered_by: "nodes/earlybird-1".to_owned(),
            nodes: vec![
                node("earlybird-0", State::Active, 2_950),
                node("earlybird-1", State::Draining, -1_200),
            ],
            buckets: 1_024,
            buckets_unowned: 0,
        }
    }

    #[test]
    fn people_see_a_table() {
        let text = Status::from(view()).text();
        assert_eq!(text, "\
┌─────────────┬──────────────────┬─────┬────────┬────────┬─────────┬───────┬────────┬────────────┬────────┬──────┬──────────────────────────┐
│ node        ┆ state            ┆ run ┆ lease  ┆ weight ┆ buckets ┆ epoch ┆ active ┆ commands/s ┆ seats  ┆ load ┆ address                  │
╞═════════════╪══════════════════╪═════╪════════╪════════╪═════════╪═══════╪════════╪════════════╪════════╪══════╪══════════════════════════╡
│ earlybird-0 ┆ active           ┆   3 ┆  3.0 s ┆      1 ┆     512 ┆     9 ┆     12 ┆       5000 ┆ 120000 ┆  600 ┆ http://earlybird-0:50051 │
│ earlybird-1 ┆ draining, silent ┆   3 ┆ -1.2 s ┆      1 ┆     512 ┆     9 ┆     12 ┆       5000 ┆ 120000 ┆  600 ┆ http://earlybird-1:50051 │
└─────────────┴──────────────────┴─────┴────────┴────────┴─────────┴───────┴────────┴────────────┴────────┴──────┴──────────────────────────┘
view 41, coordinated by earlybird-0");
    }

    #[test]
    fn buckets_without_an_owner_are_told() {
        let view = ClusterView { buckets_unowned: 2, coordinator: String::new(), ..view() };
        let headline = Status::from(view).headline();
        assert_eq!(headline, "view 41, coordinated by nobody, 2 of 1024 buckets WITHOUT AN OWNER");
    }

    #[test]
    fn programs_read_json() {
        let mut status = Status::from(view());
        status.nodes.pop();
        let json = serde_json::to_value(&status).expect("it serialises");
        let expected = serde_json::json!({
            "view_version": 41,
            "coordinator": "earlybird-0",
            "answered_by": "earlybird-1",
            "buckets": 1024,
            "buckets_unowned": 0,
            "nodes": [{
                "node": "earlybird-0",
                "state": "ACTIVE",
                "suspected": false,
                "incarnation": 3,
                "lease_remaining_ms": 2950,
                "weight": 1,
                "buckets": 512,
                "epoch_max": 9,
                "performances_active": 12,
                "commands_per_s": 4999.6,
                "seats": 120_000,
                "load": 600.25,
                "address": "http://earlybird-0:50051",
            }],
        });
        assert_eq!(json, expected);
    }
}
