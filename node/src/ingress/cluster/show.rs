//! What there is: nodes, placements, routes.

use earlybird_persistence::{Bucket, NodeRow, NodeState};
use earlybird_proto::cluster::PerformanceLoad;
use earlybird_proto::v1;
use hashbrown::HashMap;

use super::super::catalog::page::Listing;
use super::super::status::Problem;
use super::{Ingress, bucket_of};
use crate::cluster::{Loads, View, weighed};

const PLACEMENTS: Listing = Listing { name: "placements", size_default: 50, size_max: 1_000 };

/// The name of a node in the API.
pub(super) fn name_of(node: impl std::fmt::Display) -> String {
    format!("nodes/{node}")
}

impl Ingress {
    /// All of it, read anew.
    pub(super) async fn cluster_view(&self) -> Result<v1::ClusterView, Problem> {
        let cluster = &self.node.cluster;
        cluster.refresh().await?;
        let (view, loads) = (cluster.view(), cluster.loads().await);
        let coordinator = loads.iter().find(|(_, load)| load.leads).map(|(node, _)| name_of(node));
        let is_owned = |bucket: &Bucket| view.owner(*bucket).is_some_and(|owner| owner.node.is_some());
        let owned = Bucket::all().filter(is_owned).count();
        Ok(v1::ClusterView {
            view_version: view.version.0,
            coordinator: coordinator.unwrap_or_default(),
            answered_by: name_of(cluster.node()),
            nodes: view.nodes.iter().map(|node| self.wire(node, &view, &loads)).collect(),
            buckets: u32::from(Bucket::COUNT),
            buckets_unowned: u32::from(Bucket::COUNT) - u32::try_from(owned).unwrap_or_default(),
        })
    }

    pub(super) fn wire(&self, node: &NodeRow, view: &View, loads: &Loads) -> v1::ClusterNode {
        let none = Vec::new();
        let performances = loads.get(&node.id).map_or(&none, |load| &load.performances);
        let is_own =
            |bucket: &earlybird_cluster::placement::Bucket| bucket.owner.as_deref() == Some(node.id.as_str());
        let own: Vec<_> = weighed(view, loads).into_iter().filter(is_own).collect();
        let epochs = view.owned_by(&node.id, node.incarnation);
        let state = match node.state {
            NodeState::Active => v1::cluster_node::State::Active,
            NodeState::Draining => v1::cluster_node::State::Draining,
            NodeState::Dead => v1::cluster_node::State::Dead,
        };
        v1::ClusterNode {
            name: name_of(&node.id),
            incarnation: node.incarnation.0,
            address: node.address.clone(),
            state: state.into(),
            lease_remaining: Some(duration_ms(node.lease_left_ms)),
            suspected: self.node.cluster.is_suspected(node),
            weight: node.weight,
            buckets: u32::try_from(own.len()).unwrap_or_default(),
            performances_active: u32::try_from(performances.len()).unwrap_or(u32::MAX),
            commands_per_s: performances.iter().map(|load| load.commands_per_second).sum(),
            seats: performances.iter().map(|load| u64::from(load.seats)).sum(),
            load: own.iter().map(|bucket| bucket.load).sum(),
            epoch_max: epochs.into_iter().map(|(_, epoch)| epoch.0).max().unwrap_or_default(),
        }
    }

    pub(super) async fn list_placements(
        &self,
        request: v1::ListPlacementsRequest,
    ) -> Result<v1::ListPlacementsResponse, Problem> {
        let (size, mut after) = PLACEMENTS.page(&request.node, request.page_size, &request.page_token)?;
        self.node.cluster.refresh().await?;
        let node = match request.node.as_str() {
            "" => None,
            name => Some(self.node_row("node", name)?.id.clone()),
        };
        let (view, loads) = (self.node.cluster.view(), self.node.cluster.loads().await);
        let by_name: HashMap<&str, &PerformanceLoad> = loads
            .values()
            .flat_map(|load| &load.performances)
            .map(|load| (load.performance.as_str(), load))
            .collect();
        let mut placements: Vec<v1::Placement> = Vec::new();
        // One more than the page tells whether there is another.
        while placements.len() <= size {
            let last = after.as_deref().map(Into::into);
            let rows = self.node.store.list_performances(last.as_ref(), size + 1).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id.to_string());
            let shown = rows
                .iter()
                .map(|row| placement(row.id.as_str(), &view, by_name.get(row.id.as_str()).copied()));
            let is_wanted =
                |placement: &v1::Placement| node.as_ref().is_none_or(|node| placement.node == name_of(node));
            placements.extend(shown.filter(is_wanted));
        }
        let last = |placement: &v1::Placement| placement.performance.replacen("performances/", "", 1);
        let next_page_token = PLACEMENTS.cut(&request.node, &mut placements, size, last);
        Ok(v1::ListPlacementsResponse { placements, next_page_token })
    }

    /// Where a bucket is, as the route of one of its performances.
    pub(super) fn routing(&self, performance: String, bucket: Bucket) -> v1::Routing {
        let view = self.node.cluster.view();
        let owner = view.owner(bucket);
        let node = owner.and_then(|owner| owner.node.as_ref());
        v1::Routing {
            performance,
            bucket: bucket.number().into(),
            node: node.map(|node| name_of(&node.id)).unwrap_or_default(),
            address: node.map(|node| node.address.clone()).unwrap_or_default(),
            epoch: owner.map_or(0, |owner| owner.epoch.0),
        }
    }
}

fn placement(id: &str, view: &View, load: Option<&PerformanceLoad>) -> v1::Placement {
    let bucket = Bucket::new(bucket_of(id));
    let owner = bucket.and_then(|bucket| view.owner(bucket));
    let node = owner.and_then(|owner| owner.node.as_ref());
    let pin = view.pins.iter().find(|pin| pin.performance.as_str() == id);
    v1::Placement {
        performance: format!("performances/{id}"),
        bucket: bucket.map_or(0, |bucket| bucket.number().into()),
        node: node.map(|node| name_of(&node.id)).unwrap_or_default(),
        epoch: owner.map_or(0, |owner| owner.epoch.0),
        pinned_to: pin.map(|pin| name_of(&pin.node)).unwrap_or_default(),
        active: load.is_some(),
        commands_per_s: load.map_or(0.0, |load| load.commands_per_second),
        waiters: load.map_or(0, |load| load.waiters.into()),
        journal_lag: load.map_or(0, |load| load.entries_behind),
    }
}

fn duration_ms(ms: i64) -> prost_types::Duration {
    prost_types::Duration {
        seconds: ms / 1_000,
        nanos: i32::try_from(ms % 1_000).unwrap_or_default() * 1_000_000,
    }
}
