//! `earlybird serve`: from a configuration to a node that serves, and back to nothing when it is told to stop.
//!
//! ```text
//! bind ports ──► open store ──► node claims buckets ──► gRPC serves ──► ready file
//! signal ──► /readyz 503, health NOT_SERVING, new calls DRAINING, watches end ──► calls answered ──► lanes flushed ──► exit 0
//! ```
//!
//! Ports are bound first: a second copy started by mistake fails there, before it takes the buckets of the first.

mod connections;
mod gate;
mod grpc;
mod handshake;
mod oversize;
mod ready_file;
mod router;
mod signals;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use earlybird_persistence::open_with;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::auth::Verifier;
use crate::config::Config;
use crate::node::Node;
use crate::payments::webhooks::Endpoint;
use crate::readiness::Readiness;
use crate::tls::Tls;
use crate::{http, metrics};
use gate::Gate;
use grpc::GrpcServer;
use signals::Signals;

/// How long clients may take to take their last answers, once there is nothing left to decide.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or SIGINT, and then drains. A second signal ends the process at once.
///
/// # Errors
/// The node cannot start, or did not drain in time.
pub async fn serve(config: Config, ready_file: Option<PathBuf>) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    tokio::select! {
        // A node that has not started has nothing to drain.
        () = signals.first() => Ok(()),
        started = start(&config, ready_file) => {
            let running = started?;
            tokio::select! {
                () = signals.first() => {}
                () = running.ended.cancelled() => bail!("the gRPC server ended by itself"),
                () = running.over.cancelled() => bail!(
                    "this run of the node is over: it was declared dead, or another process runs as node {}",
                    running.node.cluster.node()
                ),
            }
            signals.exit_on_second();
            running.drain(config.grpc.drain_timeout).await
        }
    }
}

/// A node that serves.
struct Running {
    node: Arc<Node>,
    readiness: Arc<Readiness>,
    gate: Arc<Gate>,
    health: grpc::Health,
    /// Ends watches and sessions.
    draining: CancellationToken,
    /// Ends the gRPC server once its calls have ended.
    stop: CancellationToken,
    /// The gRPC server has ended.
    ended: CancellationToken,
    /// The node is no member of its cluster any more.
    over: CancellationToken,
    /// End with the process.
    _tasks: Vec<AbortOnDropHandle<()>>,
}

async fn start(config: &Config, ready_file: Option<PathBuf>) -> anyhow::Result<Running> {
    let verifier = config.auth.enabled.then(|| Verifier::new(&config.auth)).transpose()?;
    let recorder = metrics::install()?;
    let tls = Tls::load(&config.tls).await?;
    if config.auth.enabled && config.tls.cert_file.is_none() && !config.grpc.listen.ip().is_loopback() {
        tracing::warn!("tokens come in plain text, unless something before this node encrypts: see [tls]");
    }
    let http_listener = bind(config.http.listen, "http.listen").await?;
    let grpc_listener = bind(config.grpc.listen, "grpc.listen").await?;
    let (http_address, grpc_address) = (http_listener.local_addr()?, grpc_listener.local_addr()?);

    let readiness = Arc::new(Readiness::new(config.http.store_silence_max));
    let webhooks = Endpoint::default();
    let mut tasks = Vec::new();
    let mut spawn = |task: futures::future::BoxFuture<'static, ()>| {
        tasks.push(AbortOnDropHandle::new(tokio::spawn(task)));
    };
    spawn(Box::pin(metrics::keep_up(recorder.clone())));
    spawn(Box::pin({
        let (readiness, webhooks) = (Arc::clone(&readiness), webhooks.clone());
        async move {
            if let Err(error) = http::serve(http_listener, readiness, recorder, &webhooks).await {
                tracing::error!(%error, "the HTTP server ended");
            }
        }
    }));

    if let Some(tls) = &tls {
        let hangups = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        spawn(Box::pin(Arc::clone(tls).follow(hangups)));
    }
    let store = open_with(&config.store.url, config.store.options())
        .await
        .with_context(|| format!("store.url {}", config.store.masked_url()))?;
    let mut options = config.node_options(grpc_address)?;
    options.cluster.tls.clone_from(&tls);
    let node = Node::start(options, store).await?;
    webhooks.open(Arc::clone(&node.webhooks));

    let (draining, stop, ended) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let gate = Arc::new(Gate::new(verifier, node.cluster.key().cloned(), config.grpc.requests_in_flight_max));
    let server = GrpcServer::new(&config.grpc, Arc::clone(&node), Arc::clone(&gate), draining.clone());
    let health = server.health();
    health.serving().await;
    spawn(Box::pin({
        let (stop, ended) = (stop.clone(), ended.clone());
        async move {
            let _ended = ended.drop_guard();
            if let Err(error) = server.run(grpc_listener, tls, stop).await {
                tracing::error!(%error, "the gRPC server failed");
            }
        }
    }));
    readiness.serving(node.cluster.heard());
    if let Some(path) = ready_file {
        ready_file::write(&path, grpc_address, http_address)
            .with_context(|| format!("cannot write the ready file {}", path.display()))?;
    }
    tracing::info!(grpc = %grpc_address, http = %http_address, store = %config.store.masked_url(), "serving");
    let over = node.cluster.over();
    Ok(Running { node, over, readiness, gate, health, draining, stop, ended, _tasks: tasks })
}

async fn bind(address: std::net::SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen on {address}"))
}

impl Running {
    async fn drain(self, timeout: Duration) -> anyhow::Result<()> {
        tracing::info!("draining");
        let begun = Instant::now();
        let deadline = begun + timeout;
        // Others first: they serve on while this node answers what it has.
        match timeout_at(begun + timeout / 2, self.node.cluster.hand_over_all()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "cannot hand the performances over"),
            Err(_) => tracing::warn!("not all performances were handed over in time"),
        }
        self.readiness.draining();
        self.gate.drain();
        self.health.not_serving().await;
        self.draining.cancel();
        // Calls under way first: they may still need a shard and the store. What is left after half of the time that remains
        // is answered by the node's own drain.
        let answered_by = Instant::now() + (deadline - Instant::now()) / 2;
        if timeout_at(answered_by, self.gate.idle()).await.is_err() {
            tracing::warn!(calls = self.gate.in_flight(), "calls are still under way");
        }
        let flushed = timeout_at(deadline, self.node.drain()).await;
        self.stop.cancel();
        let farewell = timeout_at(deadline.min(Instant::now() + FAREWELL), self.ended.cancelled()).await;
        if farewell.is_err() {
            tracing::debug!("some clients kept their connections");
        }
        if flushed.is_err() {
            bail!(
                "the drain did not finish within {}: what was not durable was not acknowledged",
                humantime::format_duration(timeout)
            );
        }
        tracing::info!(took_ms = begun.elapsed().as_millis() as u64, "drained");
        Ok(())
    }
}
