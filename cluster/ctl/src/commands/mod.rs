//! What each subcommand does.

mod audit;
mod look;
mod place;
mod transfer;
mod watch;

use std::io::{IsTerminal as _, stdout};

use clap::CommandFactory as _;

use crate::cli::{Cli, Command, Rebalance};
use crate::confirm::can_ask;
use crate::connect::Node;
use crate::failure::Failure;

/// Does what the command line says.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { connection, manner, command } = cli;
    if let Command::Completions { shell } = command {
        clap_complete::generate(shell, &mut Cli::command(), "earlybirdctl", &mut stdout());
        return Ok(());
    }
    // Wrong usage is told before anything is sent.
    if disrupts(&command) {
        can_ask(manner)?;
    }
    if matches!(command, Command::Watch { .. }) && !stdout().is_terminal() {
        return Err(Failure::usage("watch needs a terminal; status prints once"));
    }
    let on = Node::connect(&connection).await?;
    match command {
        Command::Status => look::status(&on, manner.output).await,
        Command::Performances { node } => look::performances(&on, manner.output, node).await,
        Command::Rebalance(Rebalance::Plan { extent }) => transfer::plan(&on, manner.output, extent).await,
        Command::Rebalance(Rebalance::Apply { extent, dry_run: true, .. }) => {
            transfer::plan(&on, manner.output, extent).await
        }
        Command::Rebalance(Rebalance::Apply { extent, pace, .. }) => {
            transfer::apply(&on, manner, extent, pace).await
        }
        Command::Drain { node, pace } => transfer::drain(&on, manner, node, pace).await,
        Command::Undrain { node } => place::undrain(&on, manner.output, node).await,
        Command::Pin { performance, node } => place::pin(&on, manner, performance, node).await,
        Command::Unpin { performance } => place::unpin(&on, manner.output, performance).await,
        Command::Move { performance, node } => place::relocate(&on, manner, performance, node).await,
        Command::Watch { interval } => watch::watch(&on, interval).await,
        Command::Audit { performances } => audit::audit(&on, manner.output, performances).await,
        // Done above, without a node.
        Command::Completions { .. } => Ok(()),
    }
}

/// Whether sales may pause for a moment.
fn disrupts(command: &Command) -> bool {
    matches!(
        command,
        Command::Rebalance(Rebalance::Apply { dry_run: false, .. })
            | Command::Drain { .. }
            | Command::Pin { node: Some(_), .. }
            | Command::Move { .. }
    )
}
