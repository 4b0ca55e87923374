//! Between clients and a server: a network that can go silent.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Passes connections on, until it goes silent: then they stay open and carry nothing, in either direction.
pub(super) struct Proxy {
    endpoint: String,
    silent: watch::Sender<bool>,
    /// Ends with the value; connections end then, too.
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    /// A proxy of `server`.
    pub(super) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let silent = watch::Sender::new(false);
        let told = silent.subscribe();
        let task = AbortOnDropHandle::new(tokio::spawn(accept(listener, server, told)));
        Self { endpoint, silent, _task: task }
    }

    /// Where clients connect.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// From now on, nothing gets through.
    pub(super) fn fall_silent(&self) {
        self.silent.send_replace(true);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, silent: watch::Receiver<bool>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(pass(client, server, silent.clone()));
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut silent: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        _ = silent.wait_for(|silent| *silent) => {}
    }
    // Open, but unread, until the proxy is gone and with it the sender.
    while silent.changed().await.is_ok() {}
}
