//! The payment provider's simulator, as a process of its own: on a machine of its own it would not take turns with the
//! client that is measured.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::earlybird::program;
use crate::process::{Process, ready_file};

/// A running simulator.
#[derive(Debug)]
pub struct TossSim {
    _process: Process,
    /// Where it listens.
    pub url: String,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
}

impl TossSim {
    /// Starts one on a free port whose answers take no longer than `median` in half of the cases. `directory` must exist.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(directory: &Path, median: Duration) -> anyhow::Result<Self> {
        let program = tokio::task::spawn_blocking(|| program("toss-sim", "--bin", "toss-sim")).await??;
        let ready = directory.join("toss-sim.json");
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--median"]).arg(format!("{}us", median.as_micros()));
        command.arg("--ready-file").arg(&ready);
        let mut process = Process::start("toss-sim", &mut command, directory.join("toss-sim.log"))?;
        let Ready { url } = process.until(|| ready_file(&ready)).await?;
        Ok(Self { _process: process, url })
    }
}
