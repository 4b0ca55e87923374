//! Commands about one performance or one node.

use earlybird_proto::v1::{
    MovePerformanceRequest, PinPerformanceRequest, Routing, UndrainNodeRequest, UnpinPerformanceRequest,
};
use tonic::{Response, Status};

use crate::cli::Manner;
use crate::confirm::confirm;
use crate::connect::Node;
use crate::failure::Failure;
use crate::names::short;
use crate::output::Output;
use crate::rows::{NodeRow, Route};

/// `undrain`.
pub(crate) async fn undrain(on: &Node, output: Output, name: String) -> Result<(), Failure> {
    let node = on.cluster().undrain_node(on.quick(UndrainNodeRequest { name })).await?;
    output.print(&NodeRow::from(node.into_inner()))
}

/// `pin`.
pub(crate) async fn pin(
    on: &Node,
    manner: Manner,
    performance: String,
    node: Option<String>,
) -> Result<(), Failure> {
    if let Some(node) = &node {
        confirm_move(manner, &performance, node)?;
    }
    let request = PinPerformanceRequest { performance, node: node.unwrap_or_default() };
    print(manner.output, on.cluster().pin_performance(on.patient(request)).await)
}

/// `unpin`.
pub(crate) async fn unpin(on: &Node, output: Output, performance: String) -> Result<(), Failure> {
    let request = UnpinPerformanceRequest { performance };
    print(output, on.cluster().unpin_performance(on.quick(request)).await)
}

/// `move`.
pub(crate) async fn relocate(
    on: &Node,
    manner: Manner,
    performance: String,
    node: String,
) -> Result<(), Failure> {
    confirm_move(manner, &performance, &node)?;
    let request = MovePerformanceRequest { performance, node };
    print(manner.output, on.cluster().move_performance(on.patient(request)).await)
}

fn confirm_move(manner: Manner, performance: &str, node: &str) -> Result<(), Failure> {
    let (performance, node) = (short(performance), short(node));
    confirm(manner, &format!("Move {performance}, and what shares its bucket, to {node}?"))
}

fn print(output: Output, routing: Result<Response<Routing>, Status>) -> Result<(), Failure> {
    output.print(&Route::from(routing?.into_inner()))
}
