//! The `earlybird` program.

use std::process::ExitCode;

use clap::Parser;
use earlybird::cli::Cli;
use mimalloc::MiMalloc;

/// Commands allocate on one thread and are freed on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // Only a build for tests has any, and obeys the variable FAILPOINTS; they hold until the end of the process.
    let _failpoints = fail::has_failpoints().then(fail::FailScenario::setup);
    Cli::parse().run()
}
