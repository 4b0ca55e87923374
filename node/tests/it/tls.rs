//! The node by TLS: its clients, its certificates as they are replaced, and other nodes.

mod authority;
mod clients;
mod cluster;
mod handshakes;
mod renewal;

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::support::{Options, Server};
use authority::{Authority, Files};

/// A server that shows the certificate in `files`.
async fn server(files: &Files) -> Server {
    Server::start_with(encrypted(files)).await
}

/// How such a server is started.
fn encrypted(files: &Files) -> Options {
    Options::default()
        .with("EARLYBIRD_TLS__CERT_FILE", &files.path("tls.crt"))
        .with("EARLYBIRD_TLS__KEY_FILE", &files.path("tls.key"))
        .with("EARLYBIRD_TLS__CA_FILE", &files.path("ca.crt"))
}

/// A connection to where gRPC is served, by an authority that is trusted, and with files of a client's own or none. It is
/// made when it is first used.
fn channel(address: &str, trusted: &Authority, own: Option<&Files>) -> Channel {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(trusted.pem()));
    if let Some(own) = own {
        tls = tls.identity(Identity::from_pem(own.read("tls.crt"), own.read("tls.key")));
    }
    let endpoint = Endpoint::from_shared(format!("https://{address}")).expect("an address");
    endpoint.tls_config(tls).expect("certificates").connect_lazy()
}

/// A connection below gRPC, for this protocol.
async fn connect(
    address: &str,
    trusted: &Authority,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.pem().as_bytes()).expect("PEM")).expect("an authority");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
}

/// The certificate that is shown to a connection made now.
async fn shown(address: &str, trusted: &Authority) -> Option<CertificateDer<'static>> {
    let stream = connect(address, trusted, "h2").await.ok()?;
    let chain = stream.get_ref().1.peer_certificates().expect("a server has one");
    Some(chain[0].clone().into_owned())
}

/// A metric, by its name.
async fn metric(server: &Server, name: &str) -> f64 {
    let (_, metrics) = server.get("/metrics").await;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.expect("it is there from the start").parse().expect("a number")
}
