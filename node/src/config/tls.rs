//! Certificates.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::check::Checks;

/// Certificates of the gRPC port, and of connections to other nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// File with the certificate that is shown to clients and to other nodes, PEM; behind it those that signed it. Without
    /// one the node speaks plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// File with the key of that certificate, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// File with the certificates that other nodes', and those of clients, must be signed by, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether clients show certificates, too.
    pub client_auth: ClientAuth,
}

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    Off,
    /// They may; a certificate that they show must be good.
    Optional,
    /// They must.
    Required,
}

impl TlsConfig {
    /// What the address of a node begins with that serves so.
    pub(super) fn scheme(&self) -> &'static str {
        if self.cert_file.is_some() { "https" } else { "http" }
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        if self.cert_file.is_some() != self.key_file.is_some() {
            let missing = if self.key_file.is_none() { "tls.key_file" } else { "tls.cert_file" };
            checks.fault(missing, "is needed: tls.cert_file and tls.key_file belong together");
        }
        if self.client_auth == ClientAuth::Off {
            return;
        }
        if self.cert_file.is_none() {
            checks
                .fault("tls.client_auth", "needs tls.cert_file: certificates are shown where TLS is spoken");
        }
        if self.ca_file.is_none() {
            checks.fault("tls.ca_file", "is needed unless tls.client_auth is \"off\"");
        }
    }
}
