//! A wire that can be cut in either direction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    answers_pass: Arc<AtomicBool>,
    cut: watch::Sender<u64>,
}

impl Proxy {
    pub(crate) async fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers_pass = Arc::new(AtomicBool::new(true));
        let (cut, cuts) = watch::channel(0);
        let passes = answers_pass.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let always = Arc::new(AtomicBool::new(true));
                tokio::spawn(forward(from_client, to_server, always, cuts.clone()));
                tokio::spawn(forward(from_server, to_client, passes.clone(), cuts.clone()));
            }
        });
        Self { port, answers_pass, cut }
    }

    /// Whether the server's answers reach the client. What is held back is lost.
    pub(crate) fn let_answers_pass(&self, pass: bool) {
        self.answers_pass.store(pass, Ordering::SeqCst);
    }

    /// Closes every connection.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    passes: Arc<AtomicBool>,
    mut cuts: watch::Receiver<u64>,
) {
    cuts.mark_unchanged();
    let mut buffer = vec![0; 65_536];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            _ = cuts.changed() => 0,
        };
        if read == 0 {
            return;
        }
        if passes.load(Ordering::SeqCst) && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
