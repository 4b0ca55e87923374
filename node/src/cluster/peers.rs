//! Connections to other nodes, one for each: HTTP/2 carries all calls and streams between two nodes over it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tonic::ConnectError;
use tonic::transport::{Channel, Endpoint};

use crate::tls::{Material, Tls};

/// A node that does not take a connection within this time, or does not agree on encryption, is as good as gone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A silent connection is probed so often, and closed when a probe stays unanswered for as long.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// Bytes under way on one stream and on one connection: enough for a busy session.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// The connections by address.
#[derive(Default)]
pub(crate) struct Peers {
    tls: Option<Arc<Tls>>,
    channels: Mutex<Channels>,
}

#[derive(Default)]
struct Channels {
    /// The certificates that they were made with.
    made_with: Option<Arc<Material>>,
    by_address: HashMap<String, Channel>,
}

impl Peers {
    /// Connections to nodes; to those whose address begins with `https://`, by `tls`.
    pub(super) fn new(tls: Option<Arc<Tls>>) -> Self {
        Self { tls, channels: Mutex::default() }
    }

    /// The connection to the node at `address`; it is made when it is first used, and again when it breaks. After
    /// certificates have been replaced it is another one: calls that are under way end over the old.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn channel(&self, address: &str) -> Result<Channel, tonic::transport::Error> {
        let current = self.tls.as_ref().map(|tls| tls.current());
        let mut channels = self.channels.lock();
        if current.as_ref().map(Arc::as_ptr) != channels.made_with.as_ref().map(Arc::as_ptr) {
            channels.by_address.clear();
            channels.made_with = current;
        }
        if let Some(channel) = channels.by_address.get(address) {
            return Ok(channel.clone());
        }
        let channel = endpoint(address, channels.made_with.as_deref())?.connect_lazy();
        channels.by_address.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }

    /// Forgets the connections to nodes that are not among `addresses`.
    pub(crate) fn retain(&self, addresses: &[&str]) {
        self.channels.lock().by_address.retain(|address, _| addresses.contains(&address.as_str()));
    }
}

fn endpoint(address: &str, tls: Option<&Material>) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(address.to_owned())?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    match tls.filter(|_| endpoint.uri().scheme() == Some(&http::uri::Scheme::HTTPS)) {
        Some(tls) => endpoint.tls_config(tls.client().timeout(CONNECT_TIMEOUT)),
        None => Ok(endpoint),
    }
}

/// Whether an error says that there was no connection: what was to be sent was not.
pub(crate) fn has_not_connected(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|error| error.is::<ConnectError>())
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tonic::Status;
    use tonic::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_call_without_a_connection_was_not_sent() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let nobody = format!("http://{}", nobody.expect("an address that was free a moment ago"));
        let channel = endpoint(&nobody, None).expect("an address").connect_lazy();
        let error = channel.oneshot(Request::new(Body::empty())).await.expect_err("nobody listens");
        assert!(has_not_connected(&error), "{error:?}");
        assert!(has_not_connected(&Status::from_error(Box::new(error))), "nor does it get lost in a status");
        assert!(!has_not_connected(&Status::unavailable("the connection was lost")));
    }
}
