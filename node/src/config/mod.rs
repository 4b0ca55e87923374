//! What the node is configured with: one struct for each component, checked before anything starts.
//!
//! ```text
//! defaults ◄── file (TOML) ◄── EARLYBIRD_SECTION__KEY ◄── command line        later wins
//! ```

mod auth;
mod check;
mod clustering;
mod fault;
mod load;
mod paying;
mod people;
mod selling;
mod serving;
mod storing;
mod tls;
mod value;

use serde::{Deserialize, Serialize};

pub use auth::AuthConfig;
pub use clustering::ClusterConfig;
pub use fault::{ConfigError, ConfigFault};
pub use load::{Sources, load};
pub use paying::{Gateway, PaymentsConfig, TossConfig};
pub use people::{CouponsConfig, JobsConfig};
pub use selling::{LaneConfig, ShardConfig};
pub use serving::{GrpcConfig, HttpConfig, LogConfig, LogFormat, NodeConfig};
pub use storing::StoreConfig;
pub use tls::{ClientAuth, TlsConfig};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who this node is.
    pub node: NodeConfig,
    /// Other nodes.
    pub cluster: ClusterConfig,
    /// Certificates.
    pub tls: TlsConfig,
    /// The gRPC server.
    pub grpc: GrpcConfig,
    /// The HTTP server for metrics and probes.
    pub http: HttpConfig,
    /// The database.
    pub store: StoreConfig,
    /// The actors that sell performances.
    pub shard: ShardConfig,
    /// Write-behind.
    pub lane: LaneConfig,
    /// The payment provider.
    pub payments: PaymentsConfig,
    /// Coupons.
    pub coupons: CouponsConfig,
    /// Work in steps.
    pub jobs: JobsConfig,
    /// Who may call.
    pub auth: AuthConfig,
    /// What is logged.
    pub log: LogConfig,
}

impl Config {
    /// The configuration as TOML, passwords masked.
    ///
    /// # Errors
    /// None that a loaded configuration can cause.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let mut shown = self.clone();
        shown.store.url = self.store.masked_url();
        toml::to_string(&shown)
    }
}

#[cfg(test)]
mod tests;
