//! The real program as a process of its own: started, killed, drained and restarted.

use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use earlybird_proto::v1::session_response::Result as Reply;
use earlybird_proto::v1::watch_seat_map_response::Update;
use earlybird_proto::v1::{HoldSeatsRequest, SessionResponse, WatchSeatMapResponse};
use earlybird_proto::{SESSION, SeatChanges};
use prost::Message as _;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};
use tonic_prost::ProstCodec;
use toss_sim::{Behaviour, SECRET_KEY, Simulator};
use uuid::Uuid;

/// A command whose hold is whatever its bytes are, as often as it is there.
#[derive(Clone, PartialEq, prost::Message)]
struct RawCommand {
    #[prost(uint64, tag = "1")]
    tag: u64,
    #[prost(bytes = "vec", repeated, tag = "3")]
    hold_seats: Vec<Vec<u8>>,
}

/// Sends commands in a session, each when the one before it is answered, and returns the replies.
async fn in_session(channel: Channel, commands: Vec<Vec<Vec<u8>>>) -> Vec<Reply> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.expect("the server is there");
    let (sender, receiver) = mpsc::channel(1);
    let requests = tonic::Request::new(ReceiverStream::new(receiver));
    let answered = client.streaming(requests, SESSION, ProstCodec::default()).await.expect("a session");
    let mut answered: Streaming<SessionResponse> = answered.into_inner();
    let mut replies = Vec::new();
    for (tag, hold_seats) in (1..).zip(commands) {
        sender.send(RawCommand { tag, hold_seats }).await.expect("the session goes on");
        let reply = timeout(PATIENCE, answered.message()).await.expect("a reply comes in time");
        let reply = reply.expect("the session goes on").expect("it is not over");
        assert_eq!(reply.tag, tag);
        replies.push(reply.result.expect("a result"));
    }
    drop(sender);
    assert!(answered.message().await.expect("it ends in order").is_none());
    replies
}

/// Sends a hold of one seat, one that cannot be read, with the buyer's name in no encoding, and one of another seat in two
/// parts, which count together, and judges the replies.
pub(crate) async fn assert_read_in_session(channel: Channel, hold: HoldSeatsRequest, other: u32) {
    let whole = hold.encode_to_vec();
    let broken = [&whole[..], b"\x12\x02\xff\xff"].concat();
    let seatless = HoldSeatsRequest { seats: Vec::new(), request_id: Uuid::new_v4().into(), ..hold };
    let rest = HoldSeatsRequest { seats: vec![other], ..HoldSeatsRequest::default() };
    let parts = vec![seatless.encode_to_vec(), rest.encode_to_vec()];
    let replies = in_session(channel, vec![vec![whole], vec![broken], parts]).await;
    let [Reply::Hold(_), Reply::Error(error), Reply::Hold(held)] = replies.as_slice() else {
        panic!("{replies:?}")
    };
    assert_eq!((error.code, error.reason.as_str()), (Code::InvalidArgument as i32, "INVALID_FIELD"));
    assert!(error.message.contains("buyer_id"), "it says where: {}", error.message);
    assert_eq!(held.seats, [other]);
}

/// Longest wait for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program that is tested, without the settings of whoever runs the tests.
pub(crate) fn program(arguments: &[&str]) -> Command {
    configured(Command::new(env!("CARGO_BIN_EXE_earlybird")), arguments)
}

/// The same, in a network namespace of this name.
pub(crate) fn program_in(namespace: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{namespace}")).arg(env!("CARGO_BIN_EXE_earlybird"));
    configured(command, arguments)
}

fn configured(mut command: Command, arguments: &[&str]) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("EARLYBIRD_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the program to its end.
pub(crate) async fn run(arguments: &[&str]) -> Output {
    timeout(PATIENCE, program(arguments).output()).await.expect("it ends").expect("it starts")
}

/// The settings of a node that pays through a simulated provider.
pub(crate) fn paying_through(provider: &Simulator) -> [(&'static str, String); 3] {
    [
        ("EARLYBIRD_PAYMENTS__GATEWAY", "toss".to_owned()),
        ("EARLYBIRD_PAYMENTS__TOSS__BASE_URL", provider.url()),
        ("EARLYBIRD_PAYMENTS__TOSS__SECRET_KEY", SECRET_KEY.to_owned()),
    ]
}

/// A seat map as a client keeps it up to date.
#[derive(Default)]
pub(crate) struct MapCopy {
    /// Empty before the first snapshot, and of who goes on without one.
    pub(crate) states: Vec<u8>,
    pub(crate) generation: u64,
    pub(crate) version: u64,
    /// How many were sent.
    pub(crate) snapshots: usize,
}

impl MapCopy {
    /// Takes up what a watch tells.
    pub(crate) fn apply(&mut self, told: WatchSeatMapResponse) {
        match told.update.expect("an update") {
            Update::Snapshot(map) => {
                (self.states, self.generation, self.version) =
                    (map.states.to_vec(), map.generation, map.version);
                self.snapshots += 1;
            }
            Update::Delta(delta) => {
                assert_eq!(delta.from_version, self.version, "a delta applies to the version before");
                self.version = delta.version;
                if !self.states.is_empty() {
                    for (seat, state) in SeatChanges::new(delta.changes) {
                        self.states[seat as usize] = state;
                    }
                }
            }
        }
    }
}

/// A payment provider that answers after so many milliseconds.
pub(crate) async fn provider(latency_ms: f64) -> Simulator {
    let behaviour = Behaviour { latency_median_ms: latency_ms, latency_sigma: 0.0, ..Behaviour::default() };
    provider_that(behaviour).await
}

/// A payment provider that behaves so.
pub(crate) async fn provider_that(behaviour: Behaviour) -> Simulator {
    let options = toss_sim::Options { behaviour, ..toss_sim::Options::default() };
    Simulator::start(options).await.expect("a free port")
}

/// How a server differs from the usual one.
#[derive(Default)]
pub(crate) struct Options {
    /// The store's address; a SQLite file of the server's own when there is none.
    pub(crate) store: Option<String>,
    /// Variables of the environment, such as `EARLYBIRD_SHARD__TICK`.
    pub(crate) environment: Vec<(String, String)>,
}

impl Options {
    /// On a PostgreSQL database of its own; none when those tests are to be left out.
    pub(crate) async fn on_postgres() -> Option<Self> {
        if skips_postgres().expect("tests are not left out in continuous integration") {
            return None;
        }
        let server = TempPostgres::shared().expect("PostgreSQL; `make setup` installs it");
        let store = server.new_database().await.expect("a database");
        Some(Self { store: Some(store), ..Self::default() })
    }

    /// The store's address for a server with that folder.
    fn store_in(&self, folder: &TempDir) -> String {
        let own = || format!("sqlite://{}", folder.path().join("earlybird.db").display());
        self.store.clone().unwrap_or_else(own)
    }

    /// Paying through a simulated provider, unless it is set otherwise.
    pub(crate) fn paying_through(mut self, provider: &Simulator) -> Self {
        let settings = paying_through(provider).map(|(name, value)| (name.to_owned(), value));
        self.environment.splice(0..0, settings);
        self
    }

    /// With one more variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }
}

/// A running `earlybird serve`. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    options: Options,
    grpc: String,
    http: String,
}

/// What a server writes to its ready file.
#[derive(Deserialize)]
struct Ready {
    grpc: String,
    http: String,
    pid: u32,
}

impl Server {
    /// A server on free ports with a SQLite file.
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// A server on free ports.
    pub(crate) async fn start_with(options: Options) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (child, ready) = launch(&folder, &options, "127.0.0.1:0", "127.0.0.1:0").await;
        Self { child, folder, options, grpc: ready.grpc, http: ready.http }
    }

    /// A file of the server's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The address of its store. A file has one user at a time.
    pub(crate) fn store(&self) -> String {
        self.options.store_in(&self.folder)
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Where it serves gRPC: address and port.
    pub(crate) fn grpc(&self) -> &str {
        &self.grpc
    }

    /// Where it serves HTTP: address and port.
    pub(crate) fn http(&self) -> &str {
        &self.http
    }

    /// A connection, made when it is first used.
    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.grpc)).expect("an address").connect_lazy()
    }

    /// Asks it to drain.
    pub(crate) fn sigterm(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("it runs");
        let id = Pid::from_raw(id.try_into().expect("a process id")).expect("a process id");
        kill_process(id, signal).expect("it runs");
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("it was started")
    }

    /// Ends it without a warning.
    pub(crate) async fn kill9(&mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// Starts it again on the same store and the same ports, after it has ended.
    pub(crate) async fn restart(&mut self) {
        let (child, ready) = launch(&self.folder, &self.options, &self.grpc, &self.http).await;
        assert_eq!((&ready.grpc, &ready.http), (&self.grpc, &self.http));
        self.child = child;
    }

    /// Calls a method, such as `earlybird.v1.Seating/GetSeatMap`, with an encoded message and as little as a browser has
    /// (gRPC-Web): for those who have no client of its own.
    pub(crate) async fn call(&self, method: &str, message: &[u8], token: Option<&str>) -> Called {
        let length = u32::try_from(message.len()).expect("a short message");
        let body = [&[0], &length.to_be_bytes()[..], message].concat();
        let request = reqwest::Client::new()
            .post(format!("http://{}/{method}", self.grpc))
            .header("content-type", "application/grpc-web+proto")
            .header("authorization", token.map(|token| format!("Bearer {token}")).unwrap_or_default())
            .body(body);
        let response = timeout(PATIENCE, request.send()).await.expect("an answer").expect("a connection");
        assert_eq!(response.status(), 200, "{method}");
        Called(response)
    }

    /// `GET path` on the HTTP port: status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.http);
        let (status, _, body) = exchange(&self.http, request.as_bytes()).await;
        (status, String::from_utf8(body).expect("text"))
    }
}

/// An answer that has begun.
pub(crate) struct Called(reqwest::Response);

impl Called {
    /// Why the call was turned down, if that was before anything else was said.
    pub(crate) fn refusal(&self) -> Option<Code> {
        let status = self.0.headers().get("grpc-status")?;
        Some(Code::from_bytes(status.as_bytes())).filter(|code| *code != Code::Ok)
    }

    /// The messages of the answer, when it has ended well.
    pub(crate) async fn messages(self) -> Result<Vec<Vec<u8>>, Code> {
        if let Some(code) = self.refusal() {
            return Err(code);
        }
        let body = timeout(PATIENCE, self.0.bytes()).await.expect("it ends").expect("it is not cut off");
        let (mut rest, mut messages) = (&body[..], Vec::new());
        while let [flags, a, b, c, d, after @ ..] = rest {
            let (frame, others) = after.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
            rest = others;
            match flags {
                0 => messages.push(frame.to_vec()),
                // The last frame has the trailers.
                _ if frame.starts_with(b"grpc-status:0") => return Ok(messages),
                _ => panic!("{}", String::from_utf8_lossy(frame)),
            }
        }
        panic!("the answer has no end")
    }
}

/// Sends the bytes of one HTTP/1.1 request that asks to close, and reads the answer: status, headers in lower case, body
/// as it came.
pub(crate) async fn exchange(address: &str, request: &[u8]) -> (u16, String, Vec<u8>) {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(PATIENCE, exchange).await.expect("an answer").expect("a connection");
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("headers");
    let headers = String::from_utf8(answer[..end].to_vec()).expect("text").to_lowercase();
    let status = headers.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, headers, answer[end + 4..].to_vec())
}

async fn launch(folder: &TempDir, options: &Options, grpc: &str, http: &str) -> (Child, Ready) {
    let file = |name: &str| folder.path().join(name).display().to_string();
    let store = options.store_in(folder);
    let ready_file = file("ready.json");
    let _ = std::fs::remove_file(&ready_file);
    let log = std::fs::File::options().create(true).append(true).open(file("log")).expect("a log");
    let arguments = ["serve", "--grpc-listen", grpc, "--http-listen", http, "--ready-file", &ready_file];
    let mut child = program(&arguments)
        .args(["--store", &store])
        .envs(options.environment.iter().map(|(name, value)| (name, value)))
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("the program starts");
    let ready = timeout(PATIENCE, async {
        // Only the file tells, so it is looked for again and again; a server that ends tells as well.
        let mut interval = tokio::time::interval(Duration::from_millis(5));
        loop {
            interval.tick().await;
            if let Ok(ready) = std::fs::read(&ready_file) {
                return serde_json::from_slice::<Ready>(&ready).expect("JSON");
            }
            if let Some(status) = child.try_wait().expect("a process") {
                panic!(
                    "it ended with {status}: {}",
                    std::fs::read_to_string(file("log")).unwrap_or_default()
                );
            }
        }
    });
    let ready = ready.await.expect("it becomes ready");
    assert_eq!(Some(ready.pid), child.id());
    (child, ready)
}
