//! The beginning of a connection: encryption, if the node wants it. Who speaks plain text then is told so, in the words of its own
//! protocol.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// How long a client may take to agree on encryption.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Bytes that are read of a client that speaks plain text, so that it may hear why it is refused.
const DISCARDED_BYTES_MAX: u64 = 64 * 1024;

/// The first byte of TLS: a record of a handshake (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// How HTTP/2 begins without TLS (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI";
/// An empty SETTINGS frame, with which a server of HTTP/2 begins.
const HTTP2_SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
/// A GOAWAY frame without its length: kind, flags, stream 0; no stream was looked at; INADEQUATE_SECURITY.
const HTTP2_GOAWAY: [u8; 14] = [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12];

const REFUSAL: &str = "this port speaks TLS: connect by https://";

/// What bytes go over.
pub(super) type Wire = Either<TcpStream, TlsStream<TcpStream>>;

/// Agrees on encryption with a client, where there is an `acceptor` for it. None when they cannot agree.
pub(super) async fn agree(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> Option<Wire> {
    let Some(acceptor) = acceptor else { return Some(Either::Left(stream)) };
    let failed = match timeout(HANDSHAKE_MAX, encrypt(stream, &acceptor)).await {
        Ok(Ok(stream)) => return stream.map(Either::Right),
        Ok(Err(error)) => error,
        Err(_) => io::ErrorKind::TimedOut.into(),
    };
    metrics::counter!("earlybird_tls_handshakes_failed_total").increment(1);
    tracing::debug!(error = %failed, "a client could not agree on encryption");
    None
}

async fn encrypt(stream: TcpStream, acceptor: &TlsAcceptor) -> io::Result<Option<TlsStream<TcpStream>>> {
    let mut start = [0; HTTP2_PREFACE.len()];
    let length = stream.peek(&mut start).await?;
    match start[..length] {
        // A probe of the port: it leaves without a word.
        [] => Ok(None),
        [TLS_HANDSHAKE, ..] => acceptor.accept(stream).await.map(Some),
        _ => {
            refuse(stream, start == HTTP2_PREFACE).await?;
            Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak TLS"))
        }
    }
}

async fn refuse(mut stream: TcpStream, is_http2: bool) -> io::Result<()> {
    let answer = if is_http2 { http2_refusal() } else { http1_refusal() };
    stream.write_all(&answer).await?;
    stream.shutdown().await?;
    // To close with bytes unread is to reset the connection, and the answer may go with it.
    copy(&mut stream.take(DISCARDED_BYTES_MAX), &mut sink()).await.map(drop)
}

fn http2_refusal() -> Vec<u8> {
    // The length counts what follows the stream's number: the last stream, the code, and the words.
    let length = (8 + REFUSAL.len() as u32).to_be_bytes();
    [&HTTP2_SETTINGS[..], &length[1..], &HTTP2_GOAWAY, REFUSAL.as_bytes()].concat()
}

fn http1_refusal() -> Vec<u8> {
    let head = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{REFUSAL}\n", REFUSAL.len() + 1).into_bytes()
}
