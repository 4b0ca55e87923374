//! The server's processes: a watchdog above it, and signals by process id.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::HarnessError;

/// How long a server may take to start: recovery after a hard stop included.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How the server is told to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// Cuts the connections, then writes everything out.
    Fast,
    /// Leaves everything as it is, to be recovered at the next start.
    Immediate,
}

/// A running server under its watchdog, which ends it when this process dies, however it dies.
#[derive(Debug)]
pub(super) struct Running {
    watchdog: Child,
    data: PathBuf,
}

impl Running {
    /// Starts the server and waits until it is ready. On failure, it is gone.
    pub(super) fn start(directory: &Path, command: &[String]) -> Result<Self, HarnessError> {
        let data = directory.join("data");
        // Emptied, so that an earlier run's last words are not taken for this one's.
        let log = fs::File::create(directory.join("log"));
        let log = log.map_err(HarnessError::of("open the server's log"))?;
        // Of an earlier server that was not given the time to remove it.
        let _ = fs::remove_file(data.join("postmaster.pid"));
        let watchdog = Command::new("sh")
            .args(["-c", include_str!("watchdog.sh"), "watchdog"])
            .args([&data, directory])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(HarnessError::of("start the server's watchdog"))?;
        let mut running = Self { watchdog, data };
        let started = running.wait_until_ready(&directory.join("log"));
        if started.is_err() {
            running.stop(Stop::Immediate);
        }
        started.map(|()| running)
    }

    /// Ends the server and waits for its end.
    pub(super) fn stop(&mut self, stop: Stop) {
        let signal = if stop == Stop::Fast { "INT\n" } else { "QUIT\n" };
        if let Some(mut input) = self.watchdog.stdin.take() {
            // A watchdog that is gone has ended the server already.
            let _ = input.write_all(signal.as_bytes());
        }
        let _ = self.watchdog.wait();
    }

    /// Sends a signal to the server and to all its children, by process id.
    pub(super) fn signal(&self, name: &str) -> Result<(), HarnessError> {
        let server = self.server().ok_or_else(|| HarnessError::new("the server has no process"))?;
        // The server first: stopped, it cannot start further children.
        kill(name, &[server])?;
        kill(name, &children_of(server)?)
    }

    fn server(&self) -> Option<u32> {
        self.status_line(0)?.parse().ok()
    }

    fn status_line(&self, index: usize) -> Option<String> {
        let status = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        status.lines().nth(index).map(|line| line.trim().to_owned())
    }

    /// The eighth line of the server's status file says when it takes connections.
    fn wait_until_ready(&mut self, log: &Path) -> Result<(), HarnessError> {
        let deadline = Instant::now() + START_TIMEOUT;
        while self.status_line(7).as_deref() != Some("ready") {
            let server = self.server();
            let is_gone = server.is_some_and(|server| !is_alive(server));
            let has_failed =
                server.is_none() && fs::read_to_string(log).unwrap_or_default().contains("FATAL");
            if is_gone || has_failed || Instant::now() > deadline {
                let said = fs::read_to_string(log).unwrap_or_default();
                return Err(HarnessError::new(format!("the test server did not start:\n{said}")));
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop(Stop::Immediate);
    }
}

/// A port that nobody listens on just now. Another program may take it before the server does: try again then.
pub(super) fn free_port() -> Result<u16, HarnessError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(HarnessError::of("find a free port"))?;
    Ok(listener.local_addr().map_err(HarnessError::of("find a free port"))?.port())
}

fn is_alive(process: u32) -> bool {
    let probe = Command::new("kill").args(["-s", "0", &process.to_string()]).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

fn kill(signal: &str, processes: &[u32]) -> Result<(), HarnessError> {
    if processes.is_empty() {
        return Ok(());
    }
    let ids = processes.iter().map(ToString::to_string);
    // One of them may have ended by itself, which is no failure.
    let sent = Command::new("kill").args(["-s", signal]).args(ids).stderr(Stdio::null()).status();
    sent.map(drop).map_err(HarnessError::of("send a signal to the server"))
}

fn children_of(parent: u32) -> Result<Vec<u32>, HarnessError> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
    let Ok(output) = output else { return Ok(children_in_proc(parent)) };
    let text = String::from_utf8(output.stdout).map_err(HarnessError::of("list processes"))?;
    let pair = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    Ok(text.lines().filter_map(pair).filter(|(_, of)| *of == parent).map(|(child, _)| child).collect())
}

/// Where there is no `ps`: the fourth field of a process's status is its parent.
fn children_in_proc(parent: u32) -> Vec<u32> {
    let processes = Path::new("/proc").read_dir().into_iter().flatten().flatten();
    let child = |entry: fs::DirEntry| {
        let process: u32 = entry.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The second field is a name in brackets, which may hold spaces.
        let of: u32 = status.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        (of == parent).then_some(process)
    };
    processes.filter_map(child).collect()
}
