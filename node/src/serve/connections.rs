//! Connections as they come in, no more than a limit.
//!
//! ```text
//!  accept ──► too many: closed ──► agree on encryption, each in a task of its own ──► to the gRPC server
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::handshake::{Wire, agree};
use crate::tls::Tls;

/// A pause after accepting failed, which happens when the process is out of file descriptors.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// A connection that counts while it is open.
pub(super) struct Connection {
    wire: Wire,
    remote: TcpConnectInfo,
    _place: Place,
}

/// One of the connections that there may be.
struct Place {
    _permit: OwnedSemaphorePermit,
    _counted: Counted,
}

/// One of the gauge's connections.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("earlybird_connections").increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("earlybird_connections").decrement(1.0);
    }
}

/// The connections to `listener`, encrypted if `tls` says so. One beyond `max` is closed at once: it would only time out later.
pub(super) fn incoming(
    listener: TcpListener,
    max: usize,
    tls: Option<Arc<Tls>>,
) -> impl Stream<Item = std::io::Result<Connection>> {
    let open = move |(stream, place): (TcpStream, Place)| {
        let acceptor = tls.as_ref().and_then(|tls| tls.acceptor());
        AbortOnDropHandle::new(tokio::spawn(async move {
            let remote = stream.connect_info();
            let wire = agree(stream, acceptor).await?;
            Some(Connection { wire, remote, _place: place })
        }))
    };
    // There are `max` at most; room for one more lets those beyond be accepted, and closed, meanwhile.
    let opened = accepted(listener, max).map(open).buffer_unordered(max + 1);
    opened.filter_map(async |connection| connection.ok().flatten().map(Ok))
}

fn accepted(listener: TcpListener, max: usize) -> impl Stream<Item = (TcpStream, Place)> {
    let permits = Arc::new(Semaphore::new(max));
    futures::stream::unfold((listener, permits), |(listener, permits)| async {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                metrics::counter!("earlybird_connections_refused_total").increment(1);
                continue;
            };
            // Replies are small and awaited: Nagle's algorithm would hold each back for the client's acknowledgement.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection went away at once");
                continue;
            }
            let place = Place { _permit: permit, _counted: Counted::new() };
            return Some(((stream, place), (listener, permits)));
        }
    })
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.remote.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}
