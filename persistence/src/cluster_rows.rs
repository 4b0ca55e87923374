//! The cluster's columns and rows, and what its calls accept.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::cluster::{ClusterView, LEASE_MAX, NewNode, NodeRow, NodeState, OwnerRow, PinRow};
use crate::error::StoreError;
use crate::ids::{Epoch, Incarnation, ViewVersion};
use crate::options::whole_ms;
use crate::queries::saturating;
use crate::rows::{bucket, corrupt, unsigned};

/// The version, then nodes, owners and pins, each a JSON array of arrays.
pub(crate) type ViewColumns = (i64, String, String, String);
/// The view's version, whether the node has joined, and a pin in the way: its performance and its node.
pub(crate) type PinColumns = (i64, bool, Option<String>, Option<String>);

type NodeColumns = (String, i64, String, i64, String, i64);
type OwnerColumns = (i32, String, i64, i64);

pub(crate) fn view((version, nodes, owners, pins): ViewColumns) -> Result<ClusterView, StoreError> {
    let pin = |(performance, number, node): (String, i32, String)| {
        Ok(PinRow {
            bucket: bucket(number, &performance)?,
            performance: performance.into(),
            node: node.into(),
        })
    };
    Ok(ClusterView {
        version: self::version(version)?,
        nodes: rows(&nodes, "node", node)?,
        owners: rows(&owners, "bucket_owner", owner)?,
        pins: rows(&pins, "pin", pin)?,
    })
}

pub(crate) fn version(number: i64) -> Result<ViewVersion, StoreError> {
    unsigned(number, "cluster_view").map(ViewVersion)
}

/// How a state is stored.
pub(crate) const fn state_column(state: NodeState) -> &'static str {
    match state {
        NodeState::Active => "ACTIVE",
        NodeState::Draining => "DRAINING",
        NodeState::Dead => "DEAD",
    }
}

pub(crate) fn check_node(node: &NewNode) -> Result<(), StoreError> {
    let is_short = |text: &str, max| !text.is_empty() && text.len() <= max;
    let what = if !is_short(node.id.as_str(), NewNode::ID_BYTES_MAX) {
        format!("id: accepted are 1 to {} bytes", NewNode::ID_BYTES_MAX)
    } else if !is_short(&node.address, NewNode::ADDRESS_BYTES_MAX) {
        format!("address: accepted are 1 to {} bytes", NewNode::ADDRESS_BYTES_MAX)
    } else if !(1..=NewNode::WEIGHT_MAX).contains(&node.weight) {
        format!("weight: accepted are 1 to {}", NewNode::WEIGHT_MAX)
    } else {
        return Ok(());
    };
    Err(StoreError::Invalid { what })
}

/// A lease in milliseconds.
pub(crate) fn lease_ms(lease: Duration) -> Result<i64, StoreError> {
    if lease < Duration::from_millis(1) || lease > LEASE_MAX {
        let what = format!("lease: accepted are 1 ms to {} s", LEASE_MAX.as_secs());
        return Err(StoreError::Invalid { what });
    }
    Ok(saturating(whole_ms(lease)))
}

fn rows<Columns: DeserializeOwned, Row>(
    json: &str,
    of: &str,
    row: impl Fn(Columns) -> Result<Row, StoreError>,
) -> Result<Vec<Row>, StoreError> {
    let columns: Vec<Columns> =
        serde_json::from_str(json).map_err(|error| corrupt(of, format_args!("cannot be read: {error}")))?;
    columns.into_iter().map(row).collect()
}

fn node(columns: NodeColumns) -> Result<NodeRow, StoreError> {
    let (id, incarnation, address, weight, state, lease_left_ms) = columns;
    let weight = u32::try_from(weight).map_err(|_| corrupt(&id, format_args!("has the weight {weight}")))?;
    Ok(NodeRow {
        incarnation: Incarnation(unsigned(incarnation, &id)?),
        address,
        weight,
        state: self::state(&state, &id)?,
        lease_left_ms,
        id: id.into(),
    })
}

fn state(text: &str, of: &str) -> Result<NodeState, StoreError> {
    let known = [NodeState::Active, NodeState::Draining, NodeState::Dead];
    let found = known.into_iter().find(|state| state_column(*state) == text);
    found.ok_or_else(|| corrupt(of, format_args!("has the state {text:?}")))
}

fn owner((number, node, incarnation, epoch): OwnerColumns) -> Result<OwnerRow, StoreError> {
    Ok(OwnerRow {
        bucket: bucket(number, "bucket_owner")?,
        node: node.into(),
        incarnation: Incarnation(unsigned(incarnation, "bucket_owner")?),
        epoch: Epoch(unsigned(epoch, "bucket_owner")?),
    })
}
