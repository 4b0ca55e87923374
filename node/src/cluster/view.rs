//! What this node knows of the cluster: a copy of the store's rows, of one moment.

use std::sync::Arc;

use earlybird_cluster::bucket_of;
use earlybird_persistence::{
    Bucket, ClusterView, Epoch, Incarnation, NodeId, NodeRow, NodeState, PinRow, ViewVersion,
};

/// Nodes, owners and pins.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) version: ViewVersion,
    /// By name.
    pub(crate) nodes: Vec<Arc<NodeRow>>,
    /// By number of the bucket.
    owners: Vec<Option<Owner>>,
    pub(crate) pins: Vec<PinRow>,
}

/// Who owns a bucket.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// The node, when the run that owns the bucket is alive.
    pub(crate) node: Option<Arc<NodeRow>>,
    pub(crate) epoch: Epoch,
}

impl View {
    pub(crate) fn new(rows: ClusterView) -> Self {
        let ClusterView { version, nodes, owners: rows, pins } = rows;
        let nodes: Vec<Arc<NodeRow>> = nodes.into_iter().map(Arc::new).collect();
        let mut owners = vec![None; Bucket::all().count()];
        for row in rows {
            let is_owner = |node: &&Arc<NodeRow>| node.id == row.node && node.incarnation == row.incarnation;
            let node = nodes.iter().find(is_owner).filter(|node| is_alive(node)).cloned();
            owners[usize::from(row.bucket.number())] = Some(Owner { node, epoch: row.epoch });
        }
        Self { version, nodes, owners, pins }
    }

    /// This view, with a bucket at another living node, before the view that says so has been read.
    pub(crate) fn with_owner(&self, bucket: Bucket, id: &NodeId, epoch: Epoch) -> Self {
        let mut owners = self.owners.clone();
        if let Some(owner) = owners.get_mut(usize::from(bucket.number())) {
            *owner = Some(Owner { node: self.live(id.as_str()).cloned(), epoch });
        }
        Self { version: self.version, nodes: self.nodes.clone(), owners, pins: self.pins.clone() }
    }

    /// The owner of a bucket, dead or alive.
    pub(crate) fn owner(&self, bucket: Bucket) -> Option<&Owner> {
        self.owners.get(usize::from(bucket.number()))?.as_ref()
    }

    /// The owner of a performance by its `{performance}`, dead or alive.
    pub(crate) fn owner_of(&self, performance: &str) -> Option<&Owner> {
        self.owner(Bucket::new(bucket_of(performance))?)
    }

    /// The buckets that a run owns, each with its epoch.
    pub(crate) fn owned_by(&self, id: &NodeId, incarnation: Incarnation) -> Vec<(Bucket, Epoch)> {
        let is_own = |owner: &&Owner| {
            owner.node.as_ref().is_some_and(|node| node.id == *id && node.incarnation == incarnation)
        };
        let own = |bucket| self.owner(bucket).filter(is_own).map(|owner| (bucket, owner.epoch));
        Bucket::all().filter_map(own).collect()
    }

    /// The live run of a node.
    pub(crate) fn live(&self, id: &str) -> Option<&Arc<NodeRow>> {
        self.nodes.iter().find(|node| node.id.as_str() == id && is_alive(node))
    }

    /// Those that may be given buckets. One that drains is better than none.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Arc<NodeRow>> {
        let has_active = self.nodes.iter().any(|node| node.state == NodeState::Active);
        let wanted = if has_active { NodeState::Active } else { NodeState::Draining };
        self.nodes.iter().filter(move |node| node.state == wanted)
    }

    /// The node that a bucket is pinned to.
    pub(crate) fn pinned_to(&self, bucket: Bucket) -> Option<&NodeId> {
        self.pins.iter().find(|pin| pin.bucket == bucket).map(|pin| &pin.node)
    }
}

fn is_alive(node: &NodeRow) -> bool {
    node.state != NodeState::Dead
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(states: &[NodeState]) -> Vec<usize> {
        let row = |(number, state): (usize, &NodeState)| NodeRow {
            id: NodeId::from(number.to_string()),
            incarnation: Incarnation(1),
            address: String::new(),
            weight: 1,
            state: *state,
            lease_left_ms: 1_000,
        };
        let nodes = states.iter().enumerate().map(row).collect();
        let rows = ClusterView { version: ViewVersion(1), nodes, owners: Vec::new(), pins: Vec::new() };
        let view = View::new(rows);
        view.candidates().map(|node| node.id.as_str().parse().expect("a number")).collect()
    }

    #[test]
    fn a_node_that_drains_is_given_buckets_only_when_no_other_lives() {
        use NodeState::{Active, Dead, Draining};
        assert_eq!(candidates(&[Active, Draining, Active, Dead]), [0, 2]);
        assert_eq!(candidates(&[Dead, Draining]), [1]);
        assert!(candidates(&[Dead]).is_empty());
    }
}
