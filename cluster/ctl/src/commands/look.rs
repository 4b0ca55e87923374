//! Commands that only look.

use earlybird_proto::v1::{ClusterView, GetClusterRequest, ListPlacementsRequest, Placement};

use crate::connect::Node;
use crate::failure::Failure;
use crate::output::Output;
use crate::rows::{Placements, Status};

/// The most that a page may have.
const PAGE_SIZE: i32 = 1_000;

/// `status`.
pub(crate) async fn status(on: &Node, output: Output) -> Result<(), Failure> {
    output.print(&cluster(on).await?)
}

/// `performances`.
pub(crate) async fn performances(on: &Node, output: Output, node: Option<String>) -> Result<(), Failure> {
    let placements = placements(on, node.unwrap_or_default()).await?;
    output.print(&placements.into_iter().collect::<Placements>())
}

/// The cluster as it is.
pub(super) async fn cluster(on: &Node) -> Result<Status, Failure> {
    Ok(view(on).await?.into())
}

/// The coordinator, where a rebalance is begun, if that is another node and can be reached from here.
pub(super) async fn coordinator(on: &Node) -> Result<Option<Node>, Failure> {
    let view = view(on).await?;
    let elsewhere = view.nodes.iter().find(|node| node.name == view.coordinator);
    match elsewhere.filter(|node| node.name != view.answered_by) {
        Some(node) => Ok(on.other(&node.address).await),
        None => Ok(None),
    }
}

async fn view(on: &Node) -> Result<ClusterView, Failure> {
    Ok(on.cluster().get_cluster(on.quick(GetClusterRequest {})).await?.into_inner())
}

/// All performances of a node; of all nodes if it is empty.
pub(super) async fn placements(on: &Node, node: String) -> Result<Vec<Placement>, Failure> {
    let mut request = ListPlacementsRequest { node, page_size: PAGE_SIZE, page_token: String::new() };
    let mut placements = Vec::new();
    loop {
        let page = on.cluster().list_placements(on.quick(request.clone())).await?.into_inner();
        placements.extend(page.placements);
        if page.next_page_token.is_empty() {
            return Ok(placements);
        }
        request.page_token = page.next_page_token;
    }
}
