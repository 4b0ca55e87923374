//! Redis 7 with a hold script, driven by its own benchmark: the client that costs it least.
//!
//! It keeps nothing on disk, which earlybird does: the comparison is in its favour. 0.5% of the seats are held with a
//! deadline that is over at once, so exactly the mission's share of holds succeeds, for as long as the run lasts.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::process::{Process, output};

const HOUSE: &str = include_str!("house.lua");
const HOLD: &str = include_str!("hold.lua");
/// Seats, and those of them whose holds succeed: 0.5%.
const SEATS: u32 = 10_000;
const SEATS_FREE: u32 = 50;
/// What the script takes for the time, and a deadline that is not over then. One that equals the time is over.
const NOW_MS: &str = "1000000";
const FAR_DEADLINE_MS: &str = "9000000";

/// A running Redis with a house in it.
#[derive(Debug)]
pub struct Redis {
    _process: Process,
    port: String,
    script: String,
}

/// How its client sends.
#[derive(Clone, Copy, Debug)]
pub struct Pipeline {
    /// Connections.
    pub connections: usize,
    /// Commands in flight on each.
    pub depth: usize,
}

impl Redis {
    /// Starts a server on a free port, without persistence, and fills it.
    ///
    /// # Errors
    /// When it is not installed, or does not start.
    pub async fn start(directory: &Path) -> anyhow::Result<Self> {
        // Another program may take the port before Redis does; it says so then.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port().to_string();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no", "--dir"]);
        command.arg(directory);
        let mut process = Process::start("redis-server", &mut command, directory.join("redis.log"))
            .context("`make bench` installs Redis where it is missing")?;
        let ping = || cli(&port, &["PING"]).ok().filter(|answer| answer.trim() == "PONG");
        process.until(ping).await?;
        let fields =
            cli(&port, &["EVAL", HOUSE, "0", &SEATS.to_string(), &SEATS_FREE.to_string(), FAR_DEADLINE_MS])?;
        ensure!(fields.trim() == "13", "a seat has 13 fields, not {fields}");
        let script = cli(&port, &["SCRIPT", "LOAD", HOLD])?.trim().to_owned();
        Ok(Self { _process: process, port, script })
    }

    /// Sends so many holds and returns how many were answered a second, and the share that succeeded.
    ///
    /// # Errors
    /// When its benchmark fails, or says something else than expected.
    pub async fn holds(&self, pipeline: Pipeline, count: u64) -> anyhow::Result<(f64, f64)> {
        let before = self.held()?;
        let arguments: Vec<String> = [
            "-p",
            &self.port,
            "-c",
            &pipeline.connections.to_string(),
            "-P",
            &pipeline.depth.to_string(),
            "-n",
            &count.to_string(),
            "-r",
            &SEATS.to_string(),
            "--csv",
            "EVALSHA",
            &self.script,
            "2",
            "seat:__rand_int__",
            "section:A",
            "buyer-__rand_int__",
            "5d1a7f5e-7c3b-4b8e-9d51-__rand_int__",
            NOW_MS,
            NOW_MS,
        ]
        .map(str::to_owned)
        .into();
        let said = tokio::task::spawn_blocking(move || output("redis-benchmark", arguments)).await??;
        let rate = parse_rate(&said).with_context(|| format!("redis-benchmark said:\n{said}"))?;
        Ok((rate, (self.held()? - before) as f64 / count as f64))
    }

    fn held(&self) -> anyhow::Result<u64> {
        let said = cli(&self.port, &["HGET", "section:A", "held"])?;
        Ok(said.trim().parse().unwrap_or(0))
    }
}

fn cli(port: &str, arguments: &[&str]) -> anyhow::Result<String> {
    output("redis-cli", ["-p", port].iter().chain(arguments))
}

/// The second field of the last line: `"EVALSHA …","123456.78",…`.
fn parse_rate(csv: &str) -> Option<f64> {
    let line = csv.lines().rev().find(|line| line.starts_with('"'))?;
    line.split("\",\"").nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"EVALSHA x 2 a b\",\"83194.67\",\"9.1\"\n";
        assert_eq!(parse_rate(csv), Some(83_194.67));
        assert_eq!(parse_rate("Could not connect"), None);
    }
}
