//! What all benchmarks of a run share: a folder, a PostgreSQL, the programs.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use earlybird_persistence::testing::TempPostgres;
use earlybird_proto::v1::SessionResponse;
use tempfile::TempDir;

use crate::load::Span;
use crate::peers::cluster::Cluster;
use crate::peers::earlybird::{Earlybird, program};
use crate::peers::echo::Echo;
use crate::peers::redis::Redis;
use crate::peers::toss_sim::TossSim;

/// The surroundings of a run.
#[derive(Debug)]
pub struct World {
    /// Whether short runs will do.
    pub quick: bool,
    directory: TempDir,
    directories: AtomicU32,
    postgres: OnceLock<TempPostgres>,
    earlybird: OnceLock<PathBuf>,
}

impl World {
    /// Makes the folder. Servers are started when first asked for.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(quick: bool) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("earlybird-bench-").tempdir()?;
        Ok(Self {
            quick,
            directory,
            directories: AtomicU32::new(0),
            postgres: OnceLock::new(),
            earlybird: OnceLock::new(),
        })
    }

    /// The length of a closed-loop run.
    #[must_use]
    pub fn span(&self) -> Span {
        let seconds = if self.quick { 2 } else { 5 };
        Span { warm_up: Duration::from_secs(1), measured: Duration::from_secs(seconds) }
    }

    /// How often servers take turns: the median of the rounds counts.
    #[must_use]
    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// A new folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        let number = self.directories.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.path().join(number.to_string());
        std::fs::create_dir(&path)?;
        Ok(path)
    }

    /// An empty database on the run's PostgreSQL, by its address.
    ///
    /// # Errors
    /// When there is no PostgreSQL.
    pub async fn database(&self) -> anyhow::Result<String> {
        if self.postgres.get().is_none() {
            eprintln!("starting PostgreSQL");
            let server = tokio::task::spawn_blocking(TempPostgres::start_new).await??;
            drop(self.postgres.set(server));
        }
        let server = self.postgres.get().context("PostgreSQL was just started")?;
        Ok(server.new_database().await?)
    }

    /// The release binary of the server.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn program(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = self.earlybird.get() {
            return Ok(path.clone());
        }
        let path = tokio::task::spawn_blocking(|| program("earlybird", "--bin", "earlybird")).await??;
        Ok(self.earlybird.get_or_init(|| path).clone())
    }

    /// A node over an empty database of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn node(&self, settings: &[(&str, &str)]) -> anyhow::Result<Earlybird> {
        self.node_on(&self.database().await?, settings).await
    }

    /// A node over a store.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn node_on(&self, store_url: &str, settings: &[(&str, &str)]) -> anyhow::Result<Earlybird> {
        Earlybird::start(&self.program().await?, &self.folder()?, store_url, settings).await
    }

    /// So many nodes of one cluster, with further settings, over an empty database.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn cluster(&self, count: usize, settings: &[(&str, &str)]) -> anyhow::Result<Cluster> {
        let folders = (0..count).map(|_| self.folder()).collect::<anyhow::Result<Vec<_>>>()?;
        Cluster::start(&self.program().await?, folders, &self.database().await?, settings).await
    }

    /// An echo that replies so.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn echo(&self, reply: &SessionResponse) -> anyhow::Result<Echo> {
        Echo::start(&self.folder()?, reply).await
    }

    /// The payment provider's simulator, with that median of its answers' time.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn payment_provider(&self, median: Duration) -> anyhow::Result<TossSim> {
        TossSim::start(&self.folder()?, median).await
    }

    /// A Redis with a house in it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn redis(&self) -> anyhow::Result<Redis> {
        Redis::start(&self.folder()?).await
    }
}
