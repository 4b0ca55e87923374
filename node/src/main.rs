//! The `earlybird` program.

use std::process::ExitCode;

use clap::Parser;
use earlybird::cli::Cli;
use mimalloc::MiMalloc;

/// Commands allocate on one thread and are freed on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
