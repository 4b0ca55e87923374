//! Commands that only look.

use earlybird_proto::v1::{GetClusterRequest, ListPlacementsRequest, Placement};

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
    Ok(on.cluster().get_cluster(on.quick(GetClusterRequest {})).await?.into_inner().into())
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
