//! What is made of the files: how to accept connections, and how to make them.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;
use tonic::transport::ClientTlsConfig;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::files::{PemFile, PemFiles};
use crate::config::ClientAuth;

/// What a client and the node may speak once they have agreed on encryption: gRPC, and gRPC-Web beside it.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificates of one moment, ready for use.
pub(crate) struct Material {
    files: PemFiles,
    client: ClientTlsConfig,
    server: Option<Server>,
}

struct Server {
    acceptor: TlsAcceptor,
    /// When the certificate ends, since 1970.
    not_after: Duration,
}

impl Material {
    /// Checks everything, also what only a client will need.
    pub(super) fn new(files: PemFiles, client_auth: ClientAuth) -> anyhow::Result<Self> {
        let server = match (&files.cert, &files.key) {
            (Some(cert), Some(key)) => Some(Server::new(cert, key, files.ca.as_ref(), client_auth)?),
            _ => None,
        };
        files.ca.as_ref().map(PemFile::roots).transpose()?;
        Ok(Self { client: files.client(), server, files })
    }

    /// What other nodes are connected to with.
    pub(crate) fn client(&self) -> ClientTlsConfig {
        self.client.clone()
    }

    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.server.as_ref().map(|server| server.acceptor.clone())
    }

    pub(super) fn is_of(&self, files: &PemFiles) -> bool {
        self.files == *files
    }

    /// Says until when the certificate is good.
    pub(super) fn announce(&self) {
        let Some(server) = &self.server else { return };
        let until = humantime::format_rfc3339_seconds(UNIX_EPOCH + server.not_after);
        tracing::info!(%until, "read the certificate");
        metrics::gauge!("earlybird_tls_certificate_not_after_seconds").set(server.not_after.as_secs_f64());
    }
}

impl Server {
    fn new(
        cert: &PemFile,
        key: &PemFile,
        ca: Option<&PemFile>,
        client_auth: ClientAuth,
    ) -> anyhow::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions()?;
        let builder = match ca.filter(|_| client_auth != ClientAuth::Off) {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(ca.roots()?), provider);
                let verifier = match client_auth {
                    ClientAuth::Optional => verifier.allow_unauthenticated(),
                    ClientAuth::Off | ClientAuth::Required => verifier,
                };
                builder.with_client_cert_verifier(verifier.build().with_context(|| ca.name().to_owned())?)
            }
        };
        let chain = cert.certificates()?;
        let not_after = chain.first().context("no certificate").and_then(not_after);
        let not_after = not_after.with_context(|| cert.name().to_owned())?;
        let mut config = builder
            .with_single_cert(chain, key.key()?)
            .with_context(|| format!("{} is not the key of {}", key.name(), cert.name()))?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), not_after })
    }
}

fn not_after(certificate: &CertificateDer<'_>) -> anyhow::Result<Duration> {
    let certificate = Certificate::from_der(certificate)?;
    Ok(certificate.tbs_certificate.validity.not_after.to_unix_duration())
}
