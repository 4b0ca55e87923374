//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::EXIT_CODES;
use crate::names;
use crate::output::Output;

/// Asks and directs a cluster of earlybird nodes.
#[derive(Debug, Parser)]
#[command(name = "earlybirdctl", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) manner: Manner,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to reach the cluster.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Any node of the cluster
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "EARLYBIRD_ENDPOINT",
        default_value = "http://127.0.0.1:50051"
    )]
    pub(crate) endpoint: String,
    /// File with the token of an administrator
    #[arg(long, global = true, value_name = "FILE", env = "EARLYBIRD_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates that the node's must be signed by, PEM [default: those that this system trusts]
    #[arg(long, global = true, value_name = "FILE", env = "EARLYBIRD_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Certificate of this client, PEM
    #[arg(long, global = true, value_name = "FILE", env = "EARLYBIRD_CERT_FILE")]
    pub(crate) cert_file: Option<PathBuf>,
    /// Key of that certificate, PEM
    #[arg(long, global = true, value_name = "FILE", env = "EARLYBIRD_KEY_FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// How long a node may take to be reached and to answer; moves and audits may take longer
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
}

/// How to speak with the person, or program.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Manner {
    /// How the outcome is printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Does not ask before it disrupts; needed when nobody can be asked
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows the nodes: their runs, leases and loads
    Status,
    /// Shows the performances: who owns them and what they are doing
    Performances {
        /// Only those of this node
        #[arg(long, value_name = "NODE", value_parser = names::node)]
        node: Option<String>,
    },
    /// Evens out the load among the nodes
    #[command(subcommand)]
    Rebalance(Rebalance),
    /// Takes everything from a node, so that it can be stopped without anybody noticing
    Drain {
        /// Node, such as earlybird-2
        #[arg(value_parser = names::node)]
        node: String,
        #[command(flatten)]
        pace: Pace,
    },
    /// Lets a drained node own again; the next rebalance gives it its share
    Undrain {
        /// Node, such as earlybird-2
        #[arg(value_parser = names::node)]
        node: String,
    },
    /// Brings a performance to a node and keeps it there
    Pin {
        /// Performance, such as swan-lake
        #[arg(value_parser = names::performance)]
        performance: String,
        /// Node, such as earlybird-2 [default: the one that owns it]
        #[arg(value_parser = names::node)]
        node: Option<String>,
    },
    /// Lets a performance go where the placement would have it, with the next rebalance
    Unpin {
        /// Performance, such as swan-lake
        #[arg(value_parser = names::performance)]
        performance: String,
    },
    /// Brings a performance to a node once
    Move {
        /// Performance, such as swan-lake
        #[arg(value_parser = names::performance)]
        performance: String,
        /// Node, such as earlybird-2
        #[arg(value_parser = names::node)]
        node: String,
    },
    /// Shows the nodes on the terminal, live
    Watch {
        /// Time between two looks
        #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
        interval: Duration,
    },
    /// Replays the journals of performances and checks what must always hold, without disturbing their sales
    Audit {
        /// Performances, such as swan-lake [default: all]
        #[arg(value_parser = names::performance)]
        performances: Vec<String>,
    },
    /// Prints a script by which a shell completes this command
    Completions {
        /// Shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rebalance {
    /// Shows what would be moved
    Plan {
        #[command(flatten)]
        extent: Extent,
    },
    /// Moves it
    Apply {
        #[command(flatten)]
        extent: Extent,
        #[command(flatten)]
        pace: Pace,
        /// Shows what would be moved, and moves nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// How much to move.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Extent {
    /// Moves at most so many buckets [default: as many as it takes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_moves: Option<u32>,
}

/// How fast to move.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Pace {
    /// Buckets moved at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) concurrency: u32,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
