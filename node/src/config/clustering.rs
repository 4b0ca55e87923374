//! The node among others.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Config;
use super::check::Checks;
use super::paying::read_secret;
use super::tls::TlsConfig;
use super::value::{address, duration, text};
use crate::cluster::{ClusterKey, ClusterOptions};

/// Other nodes on the same database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// By which clients and other nodes reach this one, `http://host:port` or `https://host:port`; empty for a node alone.
    #[serde(with = "text")]
    pub address: String,
    /// Its share of the load, relative to other nodes.
    pub weight: u32,
    /// How long it owns what it owns without word from the database.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// Whether performances move by themselves when a node joins or carries too much.
    pub rebalance: Rebalance,
    /// Where gossip is heard (UDP).
    #[serde(with = "address")]
    pub gossip_listen: SocketAddr,
    /// Where other nodes hear gossip: `host:port`, with commas between.
    #[serde(with = "text")]
    pub seeds: String,
    /// File of the key that all nodes share; who does not know it cannot join.
    pub key_file: Option<PathBuf>,
}

/// Who moves performances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rebalance {
    /// The coordinator, when it helps.
    Auto,
    /// `earlybirdctl` alone.
    Manual,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        let options = ClusterOptions::default();
        Self {
            address: String::new(),
            weight: options.weight,
            lease: options.lease,
            rebalance: Rebalance::Auto,
            gossip_listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7946)),
            seeds: String::new(),
            key_file: None,
        }
    }
}

impl ClusterConfig {
    pub(super) fn check(&self, config: &Config, checks: &mut Checks) {
        checks.number("cluster.weight", self.weight as usize, 1, 1_000_000);
        checks.span_ms("cluster.lease", self.lease, 300, 600_000);
        if self.address.is_empty() {
            return;
        }
        let is_origin = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.path() == "/"
                && url.query().is_none()
        };
        match Url::parse(&self.address) {
            Ok(url) if is_origin(&url) => check_scheme(url.scheme(), &config.tls, checks),
            _ => checks.fault("cluster.address", "is no address such as http://node-1.example:50051"),
        }
        if self.key_file.is_none() {
            checks.fault("cluster.key_file", "is needed with cluster.address: nodes know each other by it");
        }
        if config.store.url.starts_with("sqlite:") {
            checks.fault("cluster.address", "needs PostgreSQL: a SQLite file has one node");
        }
        for seed in self.seeds() {
            if seed
                .rsplit_once(':')
                .is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
            {
                checks.fault("cluster.seeds", format!("{seed} is no host:port"));
            }
        }
    }

    /// What the cluster is joined with. `own` is where the node listens: `http://host:port`.
    ///
    /// # Errors
    /// The file of the key cannot be read, or has no key in it.
    pub fn options(&self, own: String) -> anyhow::Result<ClusterOptions> {
        let has_peers = !self.address.is_empty();
        let address = if has_peers { self.address.clone() } else { own };
        let key = self.key_file.as_deref().map(read_key).transpose()?;
        Ok(ClusterOptions {
            address: address.trim_end_matches('/').to_owned(),
            weight: self.weight,
            lease: self.lease,
            has_peers,
            key,
            tls: None,
            rebalances: has_peers && self.rebalance == Rebalance::Auto,
            gossip_listen: self.gossip_listen,
            seeds: self.seeds().map(str::to_owned).collect(),
        })
    }

    fn seeds(&self) -> impl Iterator<Item = &str> {
        self.seeds.split(',').map(str::trim).filter(|seed| !seed.is_empty())
    }
}

/// Others must speak as this node does.
fn check_scheme(scheme: &str, tls: &TlsConfig, checks: &mut Checks) {
    match (scheme, tls.scheme()) {
        ("https", "http") => {
            checks.fault("cluster.address", "begins with https://, which needs tls.cert_file")
        }
        ("http", "https") => {
            checks.fault("cluster.address", "must begin with https://, since tls.cert_file is set");
        }
        ("https", _) if tls.ca_file.is_none() => {
            checks.fault(
                "tls.ca_file",
                "is needed with https:// in cluster.address: nodes trust each other by it",
            );
        }
        _ => {}
    }
}

fn read_key(path: &Path) -> anyhow::Result<ClusterKey> {
    let read = || ClusterKey::new(read_secret(path)?).map_err(anyhow::Error::msg);
    read().with_context(|| format!("cluster.key_file {}", path.display()))
}
