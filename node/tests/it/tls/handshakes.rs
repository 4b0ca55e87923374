//! Clients that are slow to agree on encryption, or never do.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::authority::Authority;
use super::{encrypted, metric, shown};
use crate::chaos::eventually;
use crate::support::{PATIENCE, Server};

/// Connections that there may be.
const MAX: usize = 8;

/// Connections that say nothing, all of them taken.
async fn silent(server: &Server, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(TcpStream::connect(server.grpc()).await.expect("it is taken"));
    }
    let taken = async || (metric(server, "earlybird_connections").await >= count as f64).then_some(());
    eventually("all are taken", taken).await;
    streams
}

#[tokio::test]
async fn who_says_nothing_holds_up_nobody_and_is_cut_off() {
    let authority = Authority::new();
    let files = authority.issue();
    let options = encrypted(&files).with("EARLYBIRD_GRPC__CONNECTIONS_MAX", &MAX.to_string());
    let server = Server::start_with(options).await;
    let mut streams = silent(&server, MAX - 1).await;
    assert!(shown(server.grpc(), &authority).await.is_some(), "there is room for one more");

    let left = async || (metric(&server, "earlybird_connections").await < MAX as f64).then_some(());
    eventually("it has left", left).await;
    streams.push(TcpStream::connect(server.grpc()).await.expect("it is taken"));
    let taken = async || (metric(&server, "earlybird_connections").await >= MAX as f64).then_some(());
    eventually("all places are taken", taken).await;
    assert!(shown(server.grpc(), &authority).await.is_none(), "one too many is closed at once");

    for mut stream in streams {
        let end = timeout(PATIENCE, stream.read(&mut [0; 1])).await.expect("it is cut off");
        assert!(matches!(end, Ok(0) | Err(_)));
    }
    let served = async || shown(server.grpc(), &authority).await;
    eventually("their places are free", served).await;
    assert!(metric(&server, "earlybird_tls_handshakes_failed_total").await >= MAX as f64);
}
