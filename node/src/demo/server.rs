//! The node of the demo: the same program, as a process of its own.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::process::{Child, Command};

/// How long the node may take to start, and to drain.
const START_MAX: Duration = Duration::from_secs(30);
const STOP_MAX: Duration = Duration::from_secs(30);

/// What a node writes to its ready file.
#[derive(Deserialize)]
struct Ready {
    grpc: String,
}

/// A node that runs until it is stopped, or until this is dropped.
pub(super) struct Server {
    child: Child,
    pub(super) endpoint: String,
}

impl Server {
    /// Starts a node on free ports, with its store and its log in `folder` and these variables.
    pub(super) async fn start(
        store_url: &str,
        folder: &Path,
        settings: impl IntoIterator<Item = (&'static str, String)>,
    ) -> anyhow::Result<Self> {
        let ready_file = folder.join("ready.json");
        let log_file = folder.join("node.log");
        let log = File::create(&log_file).with_context(|| format!("cannot write {}", log_file.display()))?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut child = Command::new(program)
            .args([
                "serve",
                "--grpc-listen",
                "127.0.0.1:0",
                "--http-listen",
                "127.0.0.1:0",
                "--store",
                store_url,
            ])
            .arg("--ready-file")
            .arg(&ready_file)
            .envs(settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the node")?;
        let ready = wait_until_ready(&mut child, &ready_file)
            .await
            .with_context(|| format!("the node did not start; see {}", log_file.display()))?;
        Ok(Self { child, endpoint: format!("http://{}", ready.grpc) })
    }

    /// Asks the node to drain, and waits until it has.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(id.context("the node is gone already")?, Signal::TERM)
            .context("cannot signal the node")?;
        let status =
            tokio::time::timeout(STOP_MAX, self.child.wait()).await.context("the node does not drain")??;
        if !status.success() {
            bail!("the node ended with {status}");
        }
        Ok(())
    }
}

async fn wait_until_ready(child: &mut Child, ready_file: &Path) -> anyhow::Result<Ready> {
    let deadline = tokio::time::Instant::now() + START_MAX;
    loop {
        if let Ok(text) = std::fs::read_to_string(ready_file)
            && let Ok(ready) = serde_json::from_str(&text)
        {
            return Ok(ready);
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status}");
        }
        if tokio::time::Instant::now() >= deadline {
            bail!("no answer within {} s", START_MAX.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
