//! `earlybird serve`, as it is deployed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use rush::connect::Dialer;
use serde::Deserialize;

use crate::process::{Process, output, ready_file};

/// A running node.
#[derive(Debug)]
pub struct Earlybird {
    process: Process,
    /// Where it serves gRPC.
    pub dialer: Dialer,
    /// Where it serves HTTP: address and port.
    http: String,
}

#[derive(Deserialize)]
struct Ready {
    grpc: String,
    http: String,
}

impl Earlybird {
    /// Starts a node, on a free port unless the settings name one, over the store at `store_url`, with further settings `(EARLYBIRD_…, value)`, and
    /// waits until it is ready. `directory` must exist.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(
        program: &Path,
        directory: &Path,
        store_url: &str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let ready = directory.join("ready.json");
        // Of an earlier node in this directory.
        drop(std::fs::remove_file(&ready));
        let mut command = Command::new(program);
        command
            .args(["serve", "--ready-file"])
            .arg(&ready)
            .current_dir(directory)
            .env("EARLYBIRD_STORE__URL", store_url)
            .env("EARLYBIRD_GRPC__LISTEN", "127.0.0.1:0")
            .env("EARLYBIRD_HTTP__LISTEN", "127.0.0.1:0")
            .env("EARLYBIRD_LOG__LEVEL", "warn")
            .envs(settings.iter().copied());
        let mut process = Process::start("earlybird", &mut command, directory.join("earlybird.log"))?;
        let Ready { grpc, http } = process.until(|| ready_file(&ready)).await?;
        let dialer = Dialer::new(&[format!("http://{}", grpc.trim_start_matches("http://"))], None)?;
        Ok(Self { process, dialer, http })
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Lets it drain, and returns how long it took to end.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub async fn terminate(&mut self) -> anyhow::Result<Duration> {
        self.process.terminate().await
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its metrics, as Prometheus scrapes them.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let scraped = reqwest::get(format!("http://{}/metrics", self.http)).await?;
        Ok(scraped.error_for_status()?.text().await?)
    }
}

/// Builds, where cargo started this program, and finds a program of the workspace beside this one.
///
/// # Errors
/// When there is none.
pub fn program(package: &str, kind: &str, name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("cannot find this program")?;
    let profile = this.parent().context("this program is in no folder")?;
    let path = match kind {
        "--example" => profile.join("examples").join(name),
        _ => profile.join(name),
    };
    if let (Some(cargo), Some(target)) = (std::env::var_os("CARGO"), profile.parent()) {
        eprintln!("building {name}");
        let mut arguments: Vec<&std::ffi::OsStr> = vec!["build".as_ref(), "--locked".as_ref()];
        if profile.ends_with("release") {
            arguments.push("--release".as_ref());
        }
        let rest: [&std::ffi::OsStr; 6] = [
            "-p".as_ref(),
            package.as_ref(),
            kind.as_ref(),
            name.as_ref(),
            "--target-dir".as_ref(),
            target.as_ref(),
        ];
        arguments.extend(rest);
        output(&cargo.to_string_lossy(), arguments)?;
    }
    ensure!(path.is_file(), "{} is not there: build it with `cargo build --release`", path.display());
    Ok(path)
}
