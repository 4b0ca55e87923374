//! The node's identity, its two servers, and its logs.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::Checks;
use super::value::{address, duration, text};

/// Who this node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// Name of the node, unique in its cluster.
    #[serde(with = "text")]
    pub id: String,
}

/// The gRPC server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcConfig {
    /// Where it listens.
    #[serde(with = "address")]
    pub listen: SocketAddr,
    /// Largest request in bytes; a venue import may always be as large as a seating plan.
    pub max_message_bytes: usize,
    /// How often an idle connection is probed.
    #[serde(with = "duration")]
    pub keepalive_interval: Duration,
    /// How long a probe may stay unanswered.
    #[serde(with = "duration")]
    pub keepalive_timeout: Duration,
    /// Connections at once; a further one is closed at once.
    pub connections_max: usize,
    /// Calls and streams at once on one connection; a further one waits in the client.
    pub streams_per_connection_max: u32,
    /// Unary calls at once on the whole node; a further one is `RESOURCE_EXHAUSTED` at once.
    pub requests_in_flight_max: usize,
    /// Commands of one session without a reply; beyond it the session is not read.
    pub session_in_flight_max: usize,
    /// Longest time a call may take, also when its client sets no deadline.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
    /// How long a drain may take before the rest is cut off.
    #[serde(with = "duration")]
    pub drain_timeout: Duration,
}

/// The HTTP server for metrics and probes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Where it listens.
    #[serde(with = "address")]
    pub listen: SocketAddr,
    /// How long the database may be silent before `/readyz` says so.
    #[serde(with = "duration")]
    pub store_silence_max: Duration,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// For people or for machines.
    pub format: LogFormat,
    /// Least severity, or directives such as `info,earlybird=debug`.
    #[serde(with = "text")]
    pub level: String,
}

/// How a line of log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Coloured text.
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self { id: "node-1".into() }
    }
}

impl Default for GrpcConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)),
            max_message_bytes: 4 * 1024 * 1024,
            keepalive_interval: Duration::from_secs(20),
            keepalive_timeout: Duration::from_secs(20),
            connections_max: 10_000,
            streams_per_connection_max: 10_000,
            requests_in_flight_max: 20_000,
            session_in_flight_max: 4096,
            request_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(20),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
            store_silence_max: Duration::from_secs(15),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: "info".into() }
    }
}

impl NodeConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.id.is_empty() || self.id.len() > 63 || !self.id.bytes().all(fits) {
            checks.fault("node.id", "1 to 63 letters, digits, '-', '_' and '.' are accepted");
        }
    }
}

impl GrpcConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.number("grpc.max_message_bytes", self.max_message_bytes, 64 * 1024, 1024 * 1024 * 1024);
        checks.span_s("grpc.keepalive_interval", self.keepalive_interval, 1, 3600);
        checks.span_s("grpc.keepalive_timeout", self.keepalive_timeout, 1, 600);
        checks.number("grpc.connections_max", self.connections_max, 1, 1_000_000);
        checks.number(
            "grpc.streams_per_connection_max",
            self.streams_per_connection_max as usize,
            1,
            1_000_000,
        );
        checks.number("grpc.requests_in_flight_max", self.requests_in_flight_max, 1, 1_000_000);
        checks.number("grpc.session_in_flight_max", self.session_in_flight_max, 1, 1_000_000);
        checks.span_ms("grpc.request_timeout", self.request_timeout, 10, 600_000);
        checks.span_ms("grpc.drain_timeout", self.drain_timeout, 100, 3_600_000);
    }
}

impl HttpConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.span_s("http.store_silence_max", self.store_silence_max, 1, 3600);
    }
}

impl LogConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        if tracing_subscriber::EnvFilter::try_new(&self.level).is_err() {
            let accepted = "trace, debug, info, warn, error, off or directives such as info,earlybird=debug are accepted";
            checks.fault("log.level", accepted);
        }
    }
}
