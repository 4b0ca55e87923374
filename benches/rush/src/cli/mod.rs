//! The command line.

mod loops;
mod onsale;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Exit codes:
  0  the run went through and nothing that must hold was violated
  1  a violation was found, or more errors than --max-error-share
  2  the run could not be made, or the check could not

Examples:
  rush onsale --plan venues/arena.json --report out.json --html out.html
  rush onsale --venue hall --buyers 2000 --duration 30s --compress 1
  rush onsale --performance gala --endpoint http://node-1:50051 --endpoint http://node-2:50051
  rush churn --plan venues/arena.json --in-flight 1024
  rush mix --venue hall --reject-share 0.995 --rate 50000 --json mix.json";

/// Open-loop load generator for earlybird, with a check from outside.
#[derive(Debug, Parser)]
#[command(name = "rush", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Sells a house to ten times more buyers than seats, then compares what was acknowledged with what is there.
    Onsale(Box<onsale::Flags>),
    /// Holds seats and gives them back, in a loop.
    Churn(loops::Churn),
    /// Asks for seats that are held by others, in a loop.
    Reject(loops::Reject),
    /// Does both, in a loop.
    Mix(loops::Mix),
}

/// Runs what the arguments say.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    match arguments.scenario {
        Scenario::Onsale(flags) => runtime.block_on(onsale::run(*flags)),
        Scenario::Churn(flags) => runtime.block_on(flags.run()),
        Scenario::Reject(flags) => runtime.block_on(flags.run()),
        Scenario::Mix(flags) => runtime.block_on(flags.run()),
    }
}

/// A duration such as `5s`, `1m30s` or `250ms`.
fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; such as 5s, 250ms or 1m30s"))
}

/// Resolves when the user presses Ctrl-C; never, where that cannot be known.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Reads the token of `--token-file`.
fn token(path: Option<&std::path::Path>) -> anyhow::Result<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    let token = std::fs::read_to_string(path)
        .with_context(|| format!("--token-file: {} cannot be read", path.display()))?;
    Ok(Some(token.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn durations_say_what_is_accepted() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(duration("soon").is_err_and(|error| error.contains("such as 5s")));
    }
}
