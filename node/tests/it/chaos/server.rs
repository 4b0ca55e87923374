//! `earlybird serve` as a process, and where it lives.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tempfile::TempDir;
use tokio::process::Child;
use toss_sim::Simulator;

use super::eventually;
use crate::support::{exchange, paying_through, program, program_in};

/// Below the ports that the system gives to outgoing connections: a client that dials a server which is just away could
/// otherwise be given the server's own port, meet itself, and keep the server from coming back.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Lines of a server's log that are shown when a test fails.
const LOG_LINES_SHOWN: usize = 60;

/// A network namespace.
pub(crate) struct Place {
    /// The address that others reach it at.
    pub(crate) address: Ipv4Addr,
    pub(crate) namespace: String,
}

/// A node's store, ports and settings: what outlives its process.
pub(crate) struct Site {
    folder: TempDir,
    /// The network namespace that it runs in; none for this process's.
    namespace: Option<String>,
    store: String,
    grpc: SocketAddr,
    http: SocketAddr,
    environment: Vec<(String, String)>,
}

impl Site {
    /// A node on a database of this address.
    pub(crate) fn on(store: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("earlybird-chaos-").tempdir();
        Self {
            folder: folder.expect("a temporary directory"),
            namespace: None,
            store: store.to_owned(),
            grpc: free_address(),
            http: free_address(),
            environment: Vec::new(),
        }
    }

    /// Runs it in a network namespace.
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.namespace = Some(place.namespace);
        self.grpc.set_ip(place.address.into());
        self.http.set_ip(place.address.into());
        self.with("AUTH__ALLOW_INSECURE", "true")
    }

    /// A node on a file of its own.
    pub(crate) fn on_sqlite() -> Self {
        let mut site = Self::on("");
        site.store = format!("sqlite://{}", site.folder.path().join("house.db").display());
        site
    }

    /// A node on a PostgreSQL database of its own; none when those tests are to be left out.
    pub(crate) async fn on_postgres() -> Option<Self> {
        if skips_postgres().expect("PostgreSQL may be left out") {
            return None;
        }
        let url = TempPostgres::shared().expect("a server").new_database().await.expect("a database");
        Some(Self::on(&url))
    }

    /// Sets a key of the configuration, such as `LANE__ACK_TIMEOUT`.
    pub(crate) fn with(self, key: &str, value: &str) -> Self {
        self.with_variable(&format!("EARLYBIRD_{key}"), value)
    }

    /// Sets a variable of the process.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Pays through a simulated provider, which it does not wait for long.
    pub(crate) fn paying_through(mut self, provider: &Simulator) -> Self {
        for (name, value) in paying_through(provider) {
            self = self.with_variable(name, &value);
        }
        self.with("PAYMENTS__TOSS__READ_TIMEOUT", "500ms").with("PAYMENTS__RETRY_AFTER", "20ms")
    }

    /// Where it keeps files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The address of its store.
    pub(crate) fn store(&self) -> &str {
        &self.store
    }

    /// Where its clients connect.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Where it listens for HTTP.
    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where it listens for gRPC.
    pub(crate) fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Starts the node and waits until it is ready.
    pub(crate) async fn start(&self) -> Server {
        self.start_failing("").await
    }

    /// As [`start`](Self::start), with these failpoints.
    pub(crate) async fn start_failing(&self, failpoints: &str) -> Server {
        let ready_file = self.folder.path().join("ready");
        // Of the process before, which had no time to remove it.
        let _ = std::fs::remove_file(&ready_file);
        let mut server = self.spawn(Some(&ready_file), failpoints);
        eventually("the node is ready", async || {
            if let Some(status) = server.child.try_wait().expect("the process can be asked") {
                panic!("the node ended with {status} instead of serving");
            }
            ready_file.exists().then_some(())
        })
        .await;
        server
    }

    /// Starts the node and waits until it has ended, which it must do by itself. Returns what it said, too.
    pub(crate) async fn start_in_vain(&self) -> (ExitStatus, String) {
        let mut server = self.spawn(None, "");
        let status = tokio::time::timeout(super::PATIENCE, server.child.wait()).await;
        let status = status.expect("it ends by itself").expect("the process can be waited for");
        (status, std::fs::read_to_string(&server.log).expect("its log"))
    }

    fn spawn(&self, ready_file: Option<&Path>, failpoints: &str) -> Server {
        let log = self.folder.path().join("log");
        let file = std::fs::File::options().create(true).append(true).open(&log).expect("a log file");
        let arguments = ["serve", "--store", &self.store];
        let mut command = match &self.namespace {
            None => program(&arguments),
            Some(namespace) => program_in(namespace, &arguments),
        };
        command.args(["--grpc-listen", &self.grpc.to_string(), "--http-listen", &self.http.to_string()]);
        if let Some(path) = ready_file {
            command.arg("--ready-file").arg(path);
        }
        if !failpoints.is_empty() {
            command.env("FAILPOINTS", failpoints);
        }
        let child = command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the node's program starts");
        Server { child, http: self.http, log }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            println!("the store and the log are kept in {}", self.folder.path().display());
        }
    }
}

/// A running node. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    http: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("SIGKILL is sent");
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let status = tokio::time::timeout(super::PATIENCE, self.child.wait()).await;
        status.expect("it ends in time").expect("the process can be waited for")
    }

    /// SIGTERM. Returns how it ended and how long that took.
    pub(crate) async fn terminate(mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        kill_process(self.process(), Signal::TERM).expect("it runs");
        let status = tokio::time::timeout(super::PATIENCE, self.child.wait()).await;
        let status = status.expect("it drains in time").expect("the process can be waited for");
        (status, began.elapsed())
    }

    /// SIGSTOP, and waits until every thread of it stands still: until then it may still answer.
    pub(crate) fn freeze(&self) {
        kill_process(self.process(), Signal::STOP).expect("it runs");
        waitid(WaitId::Pid(self.process()), WaitIdOptions::STOPPED).expect("it stops");
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        kill_process(self.process(), Signal::CONT).expect("it is there");
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("its log")
    }

    /// Its number.
    fn process(&self) -> Pid {
        let number = self.child.id().and_then(|number| i32::try_from(number).ok());
        number.and_then(Pid::from_raw).expect("it runs")
    }

    /// Whether the process is there.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("the process can be asked").is_none()
    }

    /// Memory in use.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process().as_raw_nonzero());
        let status = std::fs::read_to_string(path).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes * 1024
    }

    /// A metric, by name and labels as it is exposed; 0 when it was never set.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let (_, body) = self.get("/metrics").await;
        let value = body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Status and text of a page of the HTTP port.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: earlybird\r\nConnection: close\r\n\r\n");
        let (status, _, body) = exchange(&self.http.to_string(), request.as_bytes()).await;
        (status, String::from_utf8(body).expect("text"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            println!("the end of the node's log:\n{}", shown.join("\n"));
        }
    }
}

/// A port that nobody listens on, and that no test of this process was given before.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Test processes that run at once begin far from each other.
    let first = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(span)).expect("a small number");
    let address = |_| {
        let offset = (u32::from(first) + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % u32::from(span);
        let port = PORTS.start + u16::try_from(offset).expect("a small number");
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    };
    let is_free = |address: &SocketAddr| std::net::TcpListener::bind(address).is_ok();
    (0..span).map(address).find(is_free).expect("a free port")
}
