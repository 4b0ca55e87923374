//! The binary `rush`: see `rush --help`.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// Millions of small messages a minute are made and dropped; this allocator halves what they cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match cli::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rush: {error:#}");
            ExitCode::from(2)
        }
    }
}
