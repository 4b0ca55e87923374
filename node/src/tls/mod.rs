//! TLS: what this node shows to clients and to other nodes, and by what it knows them. The files may be replaced while it
//! serves.
//!
//! ```text
//!  files ──every few seconds, SIGHUP──► another content? ──► well-formed? ──► handshakes and connections to come have it
//!                                                               └ no: said once, and what there was stays
//! ```
//!
//! Connections that are open go on with what they began with.

mod files;
mod material;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::signal::unix::Signal;
use tokio_rustls::TlsAcceptor;

pub(crate) use files::{PemFile, PemFiles};
pub(crate) use material::Material;

use crate::config::TlsConfig;

/// How often the files are looked at. Their content counts and not their times, which some ways of replacing a file keep.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// The certificates that are in force.
pub struct Tls {
    paths: TlsConfig,
    current: ArcSwap<Material>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files; none when the configuration names none.
    ///
    /// # Errors
    /// A file cannot be read, or does not hold what it should.
    pub(crate) async fn load(config: &TlsConfig) -> anyhow::Result<Option<Arc<Self>>> {
        if config.cert_file.is_none() && config.ca_file.is_none() {
            return Ok(None);
        }
        let material = Material::new(read(config).await?, config.client_auth)?;
        material.announce();
        Ok(Some(Arc::new(Self { paths: config.clone(), current: ArcSwap::from_pointee(material) })))
    }

    /// What is in force now.
    pub(crate) fn current(&self) -> Arc<Material> {
        self.current.load_full()
    }

    /// What accepts connections now; none when the node speaks plain text.
    pub(crate) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.current.load().acceptor()
    }

    /// Looks at the files for ever, and at once when the process is told to.
    pub(crate) async fn follow(self: Arc<Self>, mut hangups: Signal) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut said = String::new();
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                _ = hangups.recv() => {}
            }
            let error = self.renew().await.err().map(|error| format!("{error:#}")).unwrap_or_default();
            if !error.is_empty() && error != said {
                tracing::error!(error, "cannot use the new certificates; the old ones stay");
            }
            said = error;
        }
    }

    async fn renew(&self) -> anyhow::Result<()> {
        let files = read(&self.paths).await?;
        if !self.current.load().is_of(&files) {
            let material = Material::new(files, self.paths.client_auth)?;
            material.announce();
            self.current.store(Arc::new(material));
        }
        Ok(())
    }
}

async fn read(config: &TlsConfig) -> anyhow::Result<PemFiles> {
    Ok(PemFiles {
        cert: PemFile::read("tls.cert_file", config.cert_file.as_deref()).await?,
        key: PemFile::read("tls.key_file", config.key_file.as_deref()).await?,
        ca: PemFile::read("tls.ca_file", config.ca_file.as_deref()).await?,
    })
}
