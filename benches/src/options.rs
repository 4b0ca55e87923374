//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures earlybird and its peers side by side and prints one table.
///
/// Exits with an error when something could not be measured; a missed target is shown, not an error.
#[derive(Clone, Debug, Parser)]
#[command(name = "side-by-side")]
pub struct Options {
    /// Only benchmarks with this name; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Short runs and fewer holds: to see that all works, not to record.
    #[arg(long)]
    pub quick: bool,
    /// Also writes the figures to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// What a child process of the benchmark does.
    #[command(subcommand)]
    pub role: Option<Role>,
}

/// The roles of child processes.
#[derive(Clone, Debug, Subcommand)]
pub enum Role {
    /// Serves the echo until standard input ends.
    #[command(hide = true)]
    Echo {
        /// Where to write the address once it listens.
        #[arg(long)]
        ready_file: PathBuf,
        /// An encoded `SessionResponse`: what every command of a session is answered with.
        #[arg(long)]
        reply: PathBuf,
    },
}
