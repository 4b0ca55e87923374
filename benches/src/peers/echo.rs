//! The echo: the same protocol and the same sizes with nothing behind them, in a child process.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use earlybird_proto::v1::SessionResponse;
use prost::Message;
use rush::connect::Dialer;

use crate::process::{Process, ready_file};

/// A running echo.
#[derive(Debug)]
pub struct Echo {
    _process: Process,
    /// Where it serves gRPC.
    pub dialer: Dialer,
}

impl Echo {
    /// Starts an echo that answers every command of a session with `reply` under the command's tag, and every unary hold
    /// with an empty message.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(directory: &Path, reply: &SessionResponse) -> anyhow::Result<Self> {
        let [ready, reply_file]: [PathBuf; 2] = ["echo.json", "echo-reply"].map(|name| directory.join(name));
        drop(std::fs::remove_file(&ready));
        std::fs::write(&reply_file, reply.encode_to_vec())?;
        let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
        command.arg("echo").arg("--ready-file").arg(&ready).arg("--reply").arg(&reply_file);
        let mut process = Process::start("the echo", &mut command, directory.join("echo.log"))?;
        let address: String = process.until(|| ready_file(&ready)).await?;
        Ok(Self { _process: process, dialer: Dialer::new(&[format!("http://{address}")], None)? })
    }
}
