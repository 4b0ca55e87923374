//! The program `toss-sim`: see `toss-sim --help`.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

/// Thousands of small messages a second are made and dropped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("toss-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}
