//! Child processes that never outlive the benchmark.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to be ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one may take to end that was asked to.
const END_TIMEOUT: Duration = Duration::from_secs(60);
/// How often is looked whether it is ready, or has ended.
const POLL: Duration = Duration::from_millis(2);

/// A running child; ended by its id when dropped.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program with its output in `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &'static str, command: &mut Command, log: PathBuf) -> anyhow::Result<Self> {
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            // A pipe that ends with this process, for children that listen to it.
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", command.get_program().display()))?;
        Ok(Self { name, child, log })
    }

    /// Waits until `is_ready` gives something.
    ///
    /// # Errors
    /// When the program ends before, with what it said, or takes too long.
    pub async fn until<T>(&mut self, mut is_ready: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if let Some(ready) = is_ready() {
                return Ok(ready);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended early, {status}:\n{}", self.name, self.said());
            }
            if Instant::now() > deadline {
                bail!("{} was not ready in {READY_TIMEOUT:?}:\n{}", self.name, self.said());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Ends it without warning, as a crash would, and waits for its end.
    pub fn kill(&mut self) {
        // One that has ended by itself is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Asks it to end, and returns how long that took.
    ///
    /// # Errors
    /// When it does not end, or not well, with what it said.
    pub async fn terminate(&mut self) -> anyhow::Result<Duration> {
        let id =
            i32::try_from(self.id()).ok().and_then(Pid::from_raw).context("a process without a number")?;
        let began = Instant::now();
        kill_process(id, Signal::TERM).with_context(|| format!("cannot ask {} to end", self.name))?;
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "{} ended with {status}:\n{}", self.name, self.said());
                return Ok(began.elapsed());
            }
            ensure!(began.elapsed() < END_TIMEOUT, "{} did not end in {END_TIMEOUT:?}", self.name);
            tokio::time::sleep(POLL).await;
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a server has written to its ready file, once it is whole.
#[must_use]
pub fn ready_file<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// When it cannot be started, or fails, with what it said.
pub fn output<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{program}, {}:\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}
