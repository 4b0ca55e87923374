//! By whom something came that another node may have to serve.

use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

use crate::cluster::{Cluster, FORWARDED};

/// What is known of it at the node to which it came first.
pub(super) struct Origin {
    /// What the client showed, to be shown to other nodes. It may be over by then: a stream outlives its token.
    authorization: Option<MetadataValue<Ascii>>,
    /// Whether it may be served by another node: not what comes from one.
    pub(super) may_send_on: bool,
}

impl Origin {
    /// Of a call with this metadata.
    pub(super) fn of(metadata: &MetadataMap, cluster: &Cluster) -> Self {
        Self {
            authorization: metadata.get("authorization").cloned(),
            may_send_on: cluster.has_peers() && !metadata.contains_key(FORWARDED),
        }
    }

    /// What another node is shown: for whom it is, by a token that was good when the stream began, and the cluster's key,
    /// which says that a node has seen to that.
    pub(super) fn shown(&self, cluster: &Cluster) -> MetadataMap {
        let mut shown = MetadataMap::new();
        shown.insert(FORWARDED, MetadataValue::from_static("1"));
        if let Some(authorization) = &self.authorization {
            shown.insert("authorization", authorization.clone());
        }
        if let Some(key) = cluster.key() {
            key.show(&mut shown);
        }
        shown
    }
}
