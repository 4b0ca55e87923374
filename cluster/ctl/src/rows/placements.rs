//! Performances and where they are.

use earlybird_proto::v1::{Placement, Routing};
use serde::Serialize;

use crate::names::short;
use crate::output::{Row, Shown, table};

/// Performances, by name.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Placements(Vec<PlacementRow>);

#[derive(Debug, Serialize)]
struct PlacementRow {
    performance: String,
    bucket: u32,
    /// Empty if it has no owner.
    node: String,
    epoch: u64,
    /// Empty if it is not pinned.
    pinned_to: String,
    active: bool,
    commands_per_s: f64,
    waiters: u64,
    journal_lag: u64,
}

impl FromIterator<Placement> for Placements {
    fn from_iter<I: IntoIterator<Item = Placement>>(placements: I) -> Self {
        let row = |placement: Placement| PlacementRow {
            performance: short(&placement.performance),
            bucket: placement.bucket,
            node: short(&placement.node),
            epoch: placement.epoch,
            pinned_to: short(&placement.pinned_to),
            active: placement.active,
            commands_per_s: placement.commands_per_s,
            waiters: placement.waiters,
            journal_lag: placement.journal_lag,
        };
        Self(placements.into_iter().map(row).collect())
    }
}

impl Row for PlacementRow {
    const HEADER: &'static [&'static str] =
        &["performance", " bucket", "node", " epoch", "pinned to", " commands/s", " waiters", " lag"];

    fn cells(&self) -> Vec<String> {
        // A performance at rest does nothing that could be counted.
        let live = |text: String| if self.active { text } else { "-".to_owned() };
        let named = |name: &str| if name.is_empty() { "-".to_owned() } else { name.to_owned() };
        vec![
            self.performance.clone(),
            self.bucket.to_string(),
            named(&self.node),
            self.epoch.to_string(),
            named(&self.pinned_to),
            live(format!("{:.0}", self.commands_per_s)),
            live(self.waiters.to_string()),
            live(self.journal_lag.to_string()),
        ]
    }
}

impl Shown for Placements {
    fn text(&self) -> String {
        table(&self.0, "no performances")
    }
}

/// Where a performance is.
#[derive(Debug, Serialize)]
pub(crate) struct Route {
    performance: String,
    bucket: u32,
    /// Empty if it has no owner.
    node: String,
    address: String,
    epoch: u64,
}

impl From<Routing> for Route {
    fn from(routing: Routing) -> Self {
        Self {
            performance: short(&routing.performance),
            bucket: routing.bucket,
            node: short(&routing.node),
            address: routing.address,
            epoch: routing.epoch,
        }
    }
}

impl Shown for Route {
    fn text(&self) -> String {
        let Self { performance, bucket, node, address, epoch } = self;
        if node.is_empty() {
            return format!("{performance} (bucket {bucket}) has no owner at the moment");
        }
        format!("{performance} (bucket {bucket}) is on {node} at {address}, epoch {epoch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placements() -> Placements {
        let busy = Placement {
            performance: "performances/carmen".to_owned(),
            bucket: 1_007,
            node: "nodes/earlybird-0".to_owned(),
            epoch: 4,
            pinned_to: "nodes/earlybird-0".to_owned(),
            active: true,
            commands_per_s: 5_000.4,
            waiters: 31_000,
            journal_lag: 12,
        };
        let resting = Placement { performance: "performances/tosca".to_owned(), ..Placement::default() };
        [busy, resting].into_iter().collect()
    }

    #[test]
    fn people_see_a_table() {
        assert_eq!(
            placements().text(),
            "\
┌─────────────┬────────┬─────────────┬───────┬─────────────┬────────────┬─────────┬─────┐
│ performance ┆ bucket ┆ node        ┆ epoch ┆ pinned to   ┆ commands/s ┆ waiters ┆ lag │
╞═════════════╪════════╪═════════════╪═══════╪═════════════╪════════════╪═════════╪═════╡
│ carmen      ┆   1007 ┆ earlybird-0 ┆     4 ┆ earlybird-0 ┆       5000 ┆   31000 ┆  12 │
│ tosca       ┆      0 ┆ -           ┆     0 ┆ -           ┆          - ┆       - ┆   - │
└─────────────┴────────┴─────────────┴───────┴─────────────┴────────────┴─────────┴─────┘"
        );
        assert_eq!(Placements(Vec::new()).text(), "no performances");
    }

    #[test]
    fn programs_read_json() {
        let json = serde_json::to_value(placements()).expect("it serialises");
        let expected = serde_json::json!({
            "performance": "carmen",
            "bucket": 1007,
            "node": "earlybird-0",
            "epoch": 4,
            "pinned_to": "earlybird-0",
            "active": true,
            "commands_per_s": 5000.4,
            "waiters": 31_000,
            "journal_lag": 12,
        });
        assert_eq!(json[0], expected);
        assert_eq!(json[1]["node"], "");
    }

    #[test]
    fn a_route_is_a_sentence() {
        let routing = Routing {
            performance: "performances/carmen".to_owned(),
            bucket: 1_007,
            node: "nodes/earlybird-0".to_owned(),
            address: "http://earlybird-0:50051".to_owned(),
            epoch: 5,
        };
        let text = Route::from(routing.clone()).text();
        assert_eq!(text, "carmen (bucket 1007) is on earlybird-0 at http://earlybird-0:50051, epoch 5");
        let text = Route::from(Routing { node: String::new(), ..routing }).text();
        assert_eq!(text, "carmen (bucket 1007) has no owner at the moment");
    }
}
