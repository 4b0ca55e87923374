//! Moves of buckets, planned and done.

use earlybird_proto::v1::{BucketMove, NodeLoad, RebalancePlan, TransferProgress, TransferSummary};
use serde::Serialize;

use super::{milliseconds, seconds};
use crate::names::short;
use crate::output::{Row, Shown, table};

/// What a rebalance would do.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    view_version: u64,
    pub(crate) moves: Vec<MoveRow>,
    moves_left_out: u32,
    nodes: Vec<LoadRow>,
}

/// A move of a bucket.
#[derive(Debug, Serialize)]
pub(crate) struct MoveRow {
    bucket: u32,
    /// Empty if it had no owner.
    from: String,
    to: String,
    load: f64,
    /// Why it failed; empty if it did not.
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
}

/// A node before and after.
#[derive(Debug, Serialize)]
struct LoadRow {
    node: String,
    buckets_before: u32,
    buckets_after: u32,
    load_before: f64,
    load_after: f64,
}

/// What came of moves.
#[derive(Debug, Serialize)]
pub(crate) struct Transfer {
    moved: u32,
    pub(crate) failed: u32,
    elapsed_ms: i64,
    /// The moves that failed.
    failures: Vec<MoveRow>,
    nodes: Vec<LoadRow>,
}

impl From<RebalancePlan> for Plan {
    fn from(plan: RebalancePlan) -> Self {
        Self {
            view_version: plan.view_version,
            moves: plan.moves.into_iter().map(|moved| MoveRow::new(moved, String::new())).collect(),
            moves_left_out: plan.moves_left_out,
            nodes: plan.nodes.into_iter().map(LoadRow::from).collect(),
        }
    }
}

impl MoveRow {
    fn new(moved: BucketMove, error: String) -> Self {
        let BucketMove { bucket, from, to, load } = moved;
        Self { bucket, from: short(&from), to: short(&to), load, error }
    }

    /// The move of a progress, if it failed.
    pub(crate) fn failed(progress: TransferProgress) -> Option<Self> {
        let TransferProgress { r#move, error, .. } = progress;
        (!error.is_empty()).then(|| Self::new(r#move.unwrap_or_default(), error))
    }
}

impl From<NodeLoad> for LoadRow {
    fn from(load: NodeLoad) -> Self {
        Self {
            node: short(&load.node),
            buckets_before: load.buckets_before,
            buckets_after: load.buckets_after,
            load_before: load.load_before,
            load_after: load.load_after,
        }
    }
}

impl Transfer {
    /// The outcome, with the moves that failed.
    pub(crate) fn new(summary: TransferSummary, failures: Vec<MoveRow>) -> Self {
        Self {
            moved: summary.moved,
            failed: summary.failed,
            elapsed_ms: milliseconds(summary.elapsed),
            failures,
            nodes: summary.nodes.into_iter().map(LoadRow::from).collect(),
        }
    }
}

impl Row for MoveRow {
    const HEADER: &'static [&'static str] = &[" bucket", "from", "to", " load", "error"];

    fn cells(&self) -> Vec<String> {
        let from = if self.from.is_empty() { "-" } else { &self.from };
        let load = format!("{:.0}", self.load);
        vec![self.bucket.to_string(), from.to_owned(), self.to.clone(), load, self.error.clone()]
    }
}

impl Row for LoadRow {
    const HEADER: &'static [&'static str] =
        &["node", " buckets before", " after", " load before", " after", " change"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.node.clone(),
            self.buckets_before.to_string(),
            self.buckets_after.to_string(),
            format!("{:.0}", self.load_before),
            format!("{:.0}", self.load_after),
            format!("{:+}", i64::from(self.buckets_after) - i64::from(self.buckets_before)),
        ]
    }
}

impl Shown for Plan {
    fn text(&self) -> String {
        if self.moves.is_empty() {
            return format!("{}\nnothing to move", table(&self.nodes, "no nodes"));
        }
        let left_out = match self.moves_left_out {
            0 => String::new(),
            count => format!("; left out: {count}"),
        };
        format!("{}\nbuckets to move: {}{left_out}", table(&self.nodes, "no nodes"), self.moves.len())
    }
}

impl Shown for Transfer {
    fn text(&self) -> String {
        let mut text = table(&self.nodes, "no nodes");
        if !self.failures.is_empty() {
            text = format!("{text}\n{}", table(&self.failures, ""));
        }
        let elapsed = seconds(self.elapsed_ms);
        format!("{text}\nbuckets moved: {} in {elapsed}; failed: {}", self.moved, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How [`loads`] are shown.
    const LOADS: &str = "\
┌─────────────┬────────────────┬───────┬─────────────┬───────┬────────┐
│ node        ┆ buckets before ┆ after ┆ load before ┆ after ┆ change │
╞═════════════╪════════════════╪═══════╪═════════════╪═══════╪════════╡
│ earlybird-0 ┆           1024 ┆   522 ┆        2048 ┆  1044 ┆   -502 │
│ earlybird-1 ┆              0 ┆   502 ┆           0 ┆  1004 ┆   +502 │
└─────────────┴────────────────┴───────┴─────────────┴───────┴────────┘
";

    fn loads() -> Vec<NodeLoad> {
        let load = |node: &str, before: u32, after: u32| NodeLoad {
            node: format!("nodes/{node}"),
            buckets_before: before,
            buckets_after: after,
            load_before: f64::from(before) * 2.0,
            load_after: f64::from(after) * 2.0,
        };
        vec![load("earlybird-0", 1_024, 522), load("earlybird-1", 0, 502)]
    }

    fn moved() -> BucketMove {
        BucketMove {
            bucket: 7,
            from: "nodes/earlybird-0".to_owned(),
            to: "nodes/earlybird-1".to_owned(),
            load: 2.0,
        }
    }

    #[test]
    fn a_plan_is_a_table_of_nodes() {
        let plan =
            RebalancePlan { view_version: 3, moves: vec![moved()], nodes: loads(), moves_left_out: 501 };
        assert_eq!(Plan::from(plan).text(), format!("{LOADS}buckets to move: 1; left out: 501"));
        let idle = Plan::from(RebalancePlan { nodes: loads(), ..RebalancePlan::default() });
        assert!(idle.text().ends_with("nothing to move"));
    }

    #[test]
    fn an_outcome_names_what_failed() {
        let progress = TransferProgress {
            r#move: Some(moved()),
            error: "earlybird-1 did not answer".to_owned(),
            done: 2,
            failed: 1,
            total: 2,
        };
        assert!(MoveRow::failed(TransferProgress { error: String::new(), ..progress.clone() }).is_none());
        let elapsed = Some(prost_types::Duration { seconds: 1, nanos: 250_000_000 });
        let summary = TransferSummary { moved: 1, failed: 1, elapsed, nodes: loads() };
        let transfer = Transfer::new(summary, MoveRow::failed(progress).into_iter().collect());
        let expected = format!(
            "\
{LOADS}┌────────┬─────────────┬─────────────┬──────┬────────────────────────────┐
│ bucket ┆ from        ┆ to          ┆ load ┆ error                      │
╞════════╪═════════════╪═════════════╪══════╪════════════════════════════╡
│      7 ┆ earlybird-0 ┆ earlybird-1 ┆    2 ┆ earlybird-1 did not answer │
└────────┴─────────────┴─────────────┴──────┴────────────────────────────┘
buckets moved: 1 in 1.2 s; failed: 1"
        );
        assert_eq!(transfer.text(), expected);
        let json = serde_json::to_value(&transfer).expect("it serialises");
        assert_eq!(json["elapsed_ms"], 1_250);
        assert_eq!(json["failures"][0]["error"], "earlybird-1 did not answer");
        assert_eq!(json["nodes"][1]["buckets_after"], 502);
    }
}
