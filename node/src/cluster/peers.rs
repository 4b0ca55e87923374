//! Connections to other nodes, one for each: HTTP/2 carries all calls and streams between two nodes over it.

use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tonic::transport::{Channel, Endpoint};

/// A node that does not take a connection within this time is as good as gone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A silent connection is probed so often, and closed when a probe stays unanswered for as long.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// Bytes under way on one stream and on one connection: enough for a busy session.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// The connections by address.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    channels: Mutex<HashMap<String, Channel>>,
}

impl Peers {
    /// The connection to the node at `address`; it is made when it is first used, and again when it breaks.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn channel(&self, address: &str) -> Result<Channel, tonic::transport::Error> {
        if let Some(channel) = self.channels.lock().get(address) {
            return Ok(channel.clone());
        }
        let channel = Endpoint::from_shared(address.to_owned())?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .connect_lazy();
        Ok(self.channels.lock().entry(address.to_owned()).or_insert(channel).clone())
    }

    /// Forgets the connections to nodes that are not among `addresses`.
    pub(crate) fn retain(&self, addresses: &[&str]) {
        self.channels.lock().retain(|address, _| addresses.contains(&address.as_str()));
    }
}
