//! UDP for chitchat, with a seal on every datagram.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chitchat::transport::{Socket, Transport};
use chitchat::{ChitchatMessage, Deserializable as _, Serializable as _};
use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tracing::debug;

use super::seal::Seal;

/// The most that UDP carries over IPv4.
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// Hands out the one socket that it was made of: bound beforehand, so that its port can be advertised.
pub(super) struct SealedTransport(Mutex<Option<SealedSocket>>);

impl SealedTransport {
    /// A transport over this socket. Datagrams that are not of this cluster are added to `dropped`.
    pub(super) fn new(socket: UdpSocket, seal: Seal, dropped: Arc<AtomicU64>) -> Self {
        let received = vec![0; DATAGRAM_BYTES_MAX].into();
        Self(Mutex::new(Some(SealedSocket { socket, seal, dropped, received, sent: Vec::new() })))
    }
}

#[async_trait]
impl Transport for SealedTransport {
    async fn open(&self, _listen: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let socket = self.0.lock().take();
        Ok(Box::new(socket.ok_or_else(|| anyhow::anyhow!("the socket is in use"))?))
    }
}

struct SealedSocket {
    socket: UdpSocket,
    seal: Seal,
    dropped: Arc<AtomicU64>,
    received: Box<[u8]>,
    sent: Vec<u8>,
}

impl SealedSocket {
    /// The message of a datagram of this length, if it is of this cluster and whole.
    fn read(&self, length: usize) -> Option<ChitchatMessage> {
        let mut message = self.seal.open(&self.received[..length])?;
        ChitchatMessage::deserialize(&mut message).ok()
    }
}

#[async_trait]
impl Socket for SealedSocket {
    /// Never fails: what does not go out is lost, as it could be on its way, and the next round tells it again.
    async fn send(&mut self, to: SocketAddr, message: ChitchatMessage) -> anyhow::Result<()> {
        self.sent.clear();
        message.serialize(&mut self.sent);
        self.seal.close(&mut self.sent);
        if let Err(error) = self.socket.send_to(&self.sent, to).await {
            debug!(%error, %to, bytes = self.sent.len(), "a gossip datagram was not sent");
        }
        Ok(())
    }

    /// Loses nothing when it is dropped while it waits.
    async fn recv(&mut self) -> anyhow::Result<(SocketAddr, ChitchatMessage)> {
        loop {
            let (length, from) = match self.socket.recv_from(&mut self.received).await {
                Ok(received) => received,
                // What the kernel lacks for a moment, or heard of an earlier datagram.
                Err(error)
                    if matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::ConnectionRefused) =>
                {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if let Some(message) = self.read(length) {
                return Ok((from, message));
            }
            self.dropped.fetch_add(1, Ordering::Relaxed);
            debug!(%from, length, "a gossip datagram was dropped");
        }
    }
}
