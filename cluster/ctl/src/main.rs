//! `earlybirdctl`: what operators of a cluster ask and do. A client of the API, which it knows and nothing else.
//!
//! ```text
//! cli ──► commands ──connect──► a node: Cluster, Admin
//!             │
//!             └──► rows ──► output: a table for people, JSON for programs
//! ```

mod cli;
mod commands;
mod confirm;
mod connect;
mod failure;
mod names;
mod output;
mod rows;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(error).report(),
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
