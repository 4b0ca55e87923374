//! A running simulator.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::api::{Shop, router};
use crate::fault::Behaviour;
use crate::ledger::Ledger;
use crate::net::{Connections, Hangup};
use crate::provider::Provider;

/// The shop's key unless another is given.
pub const SECRET_KEY: &str = "test_sk_simulator";

/// How to run one.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 is any that is free.
    pub listen: SocketAddr,
    /// The key that the shop must show: it begins as the provider's do (`test_sk_…`).
    pub secret_key: String,
    /// Where to keep the books, beside the memory.
    pub ledger_file: Option<PathBuf>,
    /// Makes chance repeatable.
    pub seed: u64,
    /// How it behaves.
    pub behaviour: Behaviour,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            secret_key: SECRET_KEY.to_owned(),
            ledger_file: None,
            seed: 1,
            behaviour: Behaviour::default(),
        }
    }
}

/// A simulator that serves. Dropped, it stops at once.
pub struct Simulator {
    address: SocketAddr,
    provider: Arc<Provider>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Simulator {
    /// Starts one.
    ///
    /// # Errors
    /// The settings are wrong, the address cannot be listened on, or the ledger's file cannot be used.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        options.behaviour.check().map_err(anyhow::Error::msg)?;
        let (ledger, answers) = match &options.ledger_file {
            None => (Ledger::in_memory(), std::collections::VecDeque::new()),
            Some(path) => Ledger::in_file(path).with_context(|| path.display().to_string())?,
        };
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let provider = Provider::new(ledger, answers, options.behaviour, options.seed);
        let shop = Shop { provider: Arc::clone(&provider), secret_key: options.secret_key.into() };
        let (stop, stopped) = oneshot::channel::<()>();
        let service = router(shop).into_make_service_with_connect_info::<Hangup>();
        let serving = axum::serve(Connections(listener), service).with_graceful_shutdown(async {
            // Whether told or dropped.
            drop(stopped.await);
        });
        let server = tokio::spawn(serving.into_future());
        Ok(Self { address, provider, stop: Some(stop), server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the shop puts before `/v1/…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The provider itself, to look at its books and change how it behaves.
    #[must_use]
    pub fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }

    /// Lets calls that are under way end, and ends.
    ///
    /// # Errors
    /// The server had failed.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.stop.take());
        (&mut self.server).await??;
        Ok(())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
