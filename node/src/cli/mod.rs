//! The command line.

mod audit;
mod demo;
mod reconcile;
mod serve;

use clap::{Parser, Subcommand};

use std::process::ExitCode;

/// A seat reservation engine for on-sales where far more people than seats press "buy" at once.
#[derive(Debug, Parser)]
#[command(name = "earlybird", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replays the journals of a store that no node uses, and checks what must always hold
    Audit(audit::AuditArgs),
    /// Serves: gRPC for frontends, HTTP for metrics and probes
    Serve(serve::ServeArgs),
    /// Compares orders with the payment provider's books, through a node that serves
    Reconcile(reconcile::ReconcileArgs),
    /// Sells an arena of 10,000 seats to 100,000 buyers, and proves that nothing went wrong
    Demo(demo::DemoArgs),
}

impl Cli {
    /// Does what the command line says. What went wrong is told on the standard error stream.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Audit(args) => audit::run(&args),
            Command::Reconcile(args) => reconcile::run(&args),
            Command::Serve(args) => serve::run(args),
            Command::Demo(args) => demo::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
