//! The connection to a node.

use std::path::Path;
use std::time::Duration;

use earlybird_proto::v1::admin_client::AdminClient;
use earlybird_proto::v1::cluster_client::ClusterClient;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::cli::Connection;
use crate::failure::{Failure, with_causes};

/// A node that has not answered a ping for so long is gone, also while a long call is under way.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// A connection to one node.
pub(crate) struct Node {
    channel: Channel,
    token: Option<MetadataValue<Ascii>>,
    timeout: Duration,
}

impl Node {
    /// Connects.
    pub(crate) async fn connect(connection: &Connection) -> Result<Self, Failure> {
        let Connection { endpoint: url, timeout, .. } = connection;
        let token = connection.token_file.as_deref().map(read_token).transpose()?;
        let mut endpoint = endpoint(url)?
            .connect_timeout(*timeout)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(*timeout);
        if let Some(tls) = tls(connection)? {
            endpoint = endpoint.tls_config(tls).map_err(|error| Failure::usage(with_causes(&error)))?;
        }
        // The time-out of the connection does not include that of TLS.
        match tokio::time::timeout(*timeout, endpoint.connect()).await {
            Ok(Ok(channel)) => Ok(Self { channel, token, timeout: *timeout }),
            Ok(Err(error)) => {
                Err(Failure::Unreachable(format!("cannot reach {url}: {}", with_causes(&error))))
            }
            Err(_) => Err(Failure::Unreachable(format!("cannot reach {url}: no answer"))),
        }
    }

    /// The service of the cluster.
    pub(crate) fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
    }

    /// The service of operators.
    pub(crate) fn admin(&self) -> AdminClient<Channel> {
        AdminClient::new(self.channel.clone())
    }

    /// A request that is answered soon or never.
    pub(crate) fn quick<T>(&self, message: T) -> Request<T> {
        let mut request = self.patient(message);
        request.set_timeout(self.timeout);
        request
    }

    /// A request whose answer takes as long as it takes.
    pub(crate) fn patient<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }
}

fn endpoint(url: &str) -> Result<Endpoint, Failure> {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Failure::usage(format!(
            "--endpoint {url}: an address such as http://host:50051 is needed"
        )));
    }
    Endpoint::from_shared(url.to_owned())
        .map_err(|error| Failure::usage(format!("--endpoint {url}: {error}")))
}

fn read_token(path: &Path) -> Result<MetadataValue<Ascii>, Failure> {
    let token = read("--token-file", path)?;
    let token = String::from_utf8_lossy(&token);
    let mut bearer: MetadataValue<_> = format!("Bearer {}", token.trim())
        .parse()
        .map_err(|_| Failure::usage(format!("--token-file {}: not a token", path.display())))?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

/// What TLS is to be like; none for an endpoint without it.
fn tls(connection: &Connection) -> Result<Option<ClientTlsConfig>, Failure> {
    let files = [&connection.ca_file, &connection.cert_file, &connection.key_file];
    if !connection.endpoint.starts_with("https://") {
        if files.iter().any(|file| file.is_some()) {
            return Err(Failure::usage("certificates need an --endpoint that begins with https://"));
        }
        return Ok(None);
    }
    let mut tls = ClientTlsConfig::new();
    tls = match &connection.ca_file {
        Some(path) => tls.ca_certificate(Certificate::from_pem(read("--ca-file", path)?)),
        None => tls.with_native_roots(),
    };
    match (&connection.cert_file, &connection.key_file) {
        (Some(certificate), Some(key)) => {
            let identity = Identity::from_pem(read("--cert-file", certificate)?, read("--key-file", key)?);
            Ok(Some(tls.identity(identity)))
        }
        (None, None) => Ok(Some(tls)),
        _ => Err(Failure::usage("--cert-file and --key-file belong together")),
    }
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::usage(format!("{option} {}: {error}", path.display())))
}
