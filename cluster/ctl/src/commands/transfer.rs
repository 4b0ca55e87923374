//! Commands that move buckets: `rebalance` and `drain`.

use earlybird_proto::v1::{
    ApplyRebalanceRequest, DrainNodeRequest, PlanRebalanceRequest, TransferProgress, TransferSummary,
    apply_rebalance_response, drain_node_response,
};
use tonic::Streaming;

use crate::cli::{Extent, Manner, Pace};
use crate::confirm::confirm;
use crate::connect::Node;
use crate::failure::Failure;
use crate::names::short;
use crate::output::{Output, Shown as _, progress};
use crate::rows::{MoveRow, Plan, Transfer};

/// `rebalance plan`.
pub(crate) async fn plan(on: &Node, output: Output, extent: Extent) -> Result<(), Failure> {
    output.print(&planned(on, extent).await?)
}

/// `rebalance apply`.
pub(crate) async fn apply(on: &Node, manner: Manner, extent: Extent, pace: Pace) -> Result<(), Failure> {
    if !manner.yes {
        let plan = planned(on, extent).await?;
        if plan.moves.is_empty() {
            return manner.output.print(&plan);
        }
        eprintln!("{}", plan.text());
        confirm(manner, "Move them?")?;
    }
    let request = ApplyRebalanceRequest { max_moves: max_moves(extent), concurrency: pace.concurrency };
    let stream = on.cluster().apply_rebalance(on.patient(request)).await?.into_inner();
    let transfer = follow(stream, |response| {
        Some(match response.event? {
            apply_rebalance_response::Event::Plan(plan) => Step::Begun(plan.moves.len() as u64),
            apply_rebalance_response::Event::Progress(progress) => Step::Moved(progress),
            apply_rebalance_response::Event::Summary(summary) => Step::Ended(summary),
        })
    });
    finish(manner.output, &transfer.await?)
}

/// `drain`.
pub(crate) async fn drain(on: &Node, manner: Manner, name: String, pace: Pace) -> Result<(), Failure> {
    confirm(manner, &format!("Move everything off {}?", short(&name)))?;
    let request = DrainNodeRequest { name, concurrency: pace.concurrency };
    let stream = on.cluster().drain_node(on.patient(request)).await?.into_inner();
    let transfer = follow(stream, |response| {
        Some(match response.event? {
            drain_node_response::Event::Progress(progress) => Step::Moved(progress),
            drain_node_response::Event::Summary(summary) => Step::Ended(summary),
        })
    });
    finish(manner.output, &transfer.await?)
}

async fn planned(on: &Node, extent: Extent) -> Result<Plan, Failure> {
    let request = PlanRebalanceRequest { max_moves: max_moves(extent) };
    Ok(on.cluster().plan_rebalance(on.quick(request)).await?.into_inner().into())
}

/// As many as it takes is 0 for the API.
fn max_moves(extent: Extent) -> u32 {
    extent.max_moves.unwrap_or_default()
}

fn finish(output: Output, transfer: &Transfer) -> Result<(), Failure> {
    output.print(transfer)?;
    match transfer.failed {
        0 => Ok(()),
        count => {
            Err(Failure::failed(format!("{count} moves failed; made again, the command tries them again")))
        }
    }
}

/// What a stream of moves says.
enum Step {
    Begun(u64),
    Moved(TransferProgress),
    Ended(TransferSummary),
}

/// Shows the progress of moves until they end.
async fn follow<T>(mut stream: Streaming<T>, step: impl Fn(T) -> Option<Step>) -> Result<Transfer, Failure> {
    let bar = progress(0, "moving {wide_bar} {pos}/{len}  {msg} {elapsed}");
    let mut failures = Vec::new();
    let outcome = loop {
        match stream.message().await {
            Ok(Some(message)) => match step(message) {
                Some(Step::Begun(moves)) => bar.set_length(moves),
                Some(Step::Moved(progress)) => {
                    bar.set_length(progress.total.into());
                    bar.set_position(progress.done.into());
                    bar.set_message(format!("{} failed", progress.failed));
                    failures.extend(MoveRow::failed(progress));
                }
                Some(Step::Ended(summary)) => break Ok(Transfer::new(summary, failures)),
                // A later release may say more than this one understands.
                None => {}
            },
            Ok(None) => break Err(Failure::Unreachable("the node ended before it was done".to_owned())),
            Err(status) => break Err(status.into()),
        }
    };
    bar.finish_and_clear();
    outcome
}
