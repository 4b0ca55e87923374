//! Between clients and a server: a network that can be cut.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Bytes passed on at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// What does not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Nothing is lost.
    None,
    /// What clients send.
    Requests,
    /// What the server sends.
    Answers,
    /// Either.
    Both,
}

impl Cut {
    /// Whether what goes in a direction is lost.
    pub(super) fn stops(self, direction: Self) -> bool {
        self == Self::Both || self == direction
    }
}

/// Passes connections on. Where it is cut they stay open and carry nothing; what was sent meanwhile, an end included, arrives
/// when the network is whole again, however late that is.
pub(super) struct Proxy {
    address: SocketAddr,
    cut: watch::Sender<Cut>,
    /// Ends with the value; connections end then, too.
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    /// A proxy of `server`.
    pub(super) async fn to(server: SocketAddr) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, server).await
    }

    /// The same, which is found at this address of the machine.
    pub(super) async fn at(own: Ipv4Addr, server: SocketAddr) -> Self {
        let listener = TcpListener::bind((own, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let cut = watch::Sender::new(Cut::None);
        let told = cut.subscribe();
        let task = AbortOnDropHandle::new(tokio::spawn(accept(listener, server, told)));
        Self { address, cut, _task: task }
    }

    /// Where clients connect.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, this does not get through.
    pub(super) fn cut(&self, cut: Cut) {
        self.cut.send_replace(cut);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, cut: watch::Receiver<Cut>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(pass(client, server, cut.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn pass(client: TcpStream, server: SocketAddr, cut: watch::Receiver<Cut>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    for stream in [&client, &server] {
        // Best effort: it is slower without.
        let _ = stream.set_nodelay(true);
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::join!(
        carry(from_client, to_server, cut.clone(), Cut::Requests),
        carry(from_server, to_client, cut, Cut::Answers),
    );
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut cut: watch::Receiver<Cut>,
    direction: Cut,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut chunk).await;
        if cut.wait_for(|cut| !cut.stops(direction)).await.is_err() {
            return;
        }
        match read {
            Ok(count) if count > 0 && to.write_all(&chunk[..count]).await.is_ok() => {}
            _ => break,
        }
    }
    // The other direction may go on; one that is closed already cannot be closed again.
    let _ = to.shutdown().await;
}
