//! Who may connect, and how.

use std::path::Path;
use std::process::Output;

use earlybird_proto::v1;
use earlybird_proto::v1::catalog_client::CatalogClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tonic::transport::Channel;

use super::authority::Authority;
use super::{channel, connect, encrypted, metric, server};
use crate::chaos::eventually;
use crate::support::{Server, exchange, program};

/// Calls, and returns why that failed, with its causes.
async fn refusal(channel: Channel) -> Option<String> {
    let called = CatalogClient::new(channel).list_venues(v1::ListVenuesRequest::default()).await;
    called.err().map(|status| format!("{status:?}"))
}

#[tokio::test]
async fn clients_that_trust_its_authority_call_it() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let files = authority.issue();
    let server = server(&files).await;
    assert_eq!(refusal(channel(server.grpc(), &authority, None)).await, None);
    let told = refusal(channel(server.grpc(), &stranger, None)).await.expect("it is not trusted");
    assert!(told.contains("invalid peer certificate"), "{told}");

    // A browser speaks HTTP/1.1.
    let mut browser = connect(server.grpc(), &authority, "http/1.1").await.expect("it is taken");
    assert_eq!(browser.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let request =
        "OPTIONS /earlybird.v1.Catalog/ListVenues HTTP/1.1\r\nhost: seats\r\nconnection: close\r\n\r\n";
    browser.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    browser.read_to_string(&mut answer).await.expect("it is answered");
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    // The other port is as it was.
    assert_eq!(server.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn who_speaks_plain_text_is_told_so() {
    let files = Authority::new().issue();
    let server = server(&files).await;
    let told = refusal(server.channel()).await.expect("it is not encrypted");
    assert!(told.contains("this port speaks TLS"), "{told}");
    let request =
        format!("POST / HTTP/1.1\r\nhost: seats\r\ncontent-length: 9999\r\n\r\n{}", "x".repeat(9_999));
    let (status, headers, body) = exchange(server.grpc(), request.as_bytes()).await;
    assert_eq!(status, 400, "{headers}");
    assert_eq!(body, b"this port speaks TLS: connect by https://\n");
    let failures = async || metric(&server, "earlybird_tls_handshakes_failed_total").await;
    eventually("both are counted", async || (failures().await >= 2.0).then_some(())).await;
}

#[tokio::test]
async fn clients_show_certificates_where_they_must() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let files = authority.issue();
    let (own, forged) = (authority.issue(), stranger.issue());
    for (client_auth, is_needed) in [("optional", false), ("required", true)] {
        let options = encrypted(&files).with("EARLYBIRD_TLS__CLIENT_AUTH", client_auth);
        let server = Server::start_with(options).await;
        let refused = async |own| refusal(channel(server.grpc(), &authority, own)).await.is_some();
        assert!(!refused(Some(&own)).await);
        assert_eq!(refused(None).await, is_needed);
        assert!(refused(Some(&forged)).await);
    }
}

/// A program of the workspace, run against a server.
async fn told(name: &str, arguments: &[&str]) -> Output {
    let path = Path::new(env!("CARGO_BIN_EXE_earlybird")).with_file_name(name);
    assert!(path.exists(), "build the workspace's programs first: cargo build --workspace --bins");
    let mut command = Command::new(path);
    for variable in ["TOKEN_FILE", "CA_FILE", "CERT_FILE", "KEY_FILE"] {
        command.env_remove(format!("EARLYBIRD_{variable}"));
    }
    command.args(arguments).kill_on_drop(true).output().await.expect("it starts")
}

#[tokio::test]
async fn operators_reach_it_too() {
    let authority = Authority::new();
    let (files, own) = (authority.issue(), authority.issue());
    let server = Server::start_with(encrypted(&files).with("EARLYBIRD_TLS__CLIENT_AUTH", "required")).await;
    let endpoint = format!("https://{}", server.grpc());
    let (ca, cert, key) = (own.path("ca.crt"), own.path("tls.crt"), own.path("tls.key"));
    let certificates = ["--ca-file", &ca, "--cert-file", &cert, "--key-file", &key];

    let status = [&["--endpoint", &endpoint, "status", "--output", "json"], &certificates[..]].concat();
    let output = told("earlybirdctl", &status).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(status["nodes"][0]["address"], endpoint);

    // The node is reached, and says that it has no provider.
    let reconcile = [&["reconcile", "--node", &endpoint], &certificates[..]].concat();
    let output = told("earlybird", &reconcile).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("cannot reach") && said.contains("payments"), "{said}");
    let output = told("earlybird", &reconcile[..5]).await;
    assert!(!output.status.success(), "it shows no certificate");
}

#[tokio::test]
async fn files_that_do_not_fit_are_named_at_the_start() {
    let files = Authority::new().issue();
    let good = files.read("tls.crt");
    let other = Authority::new().issue();
    let no_key = format!("tls.key_file {}: has no private key in PEM", files.path("tls.key"));
    let mismatch = format!("tls.key_file {} is not the key of tls.cert_file", files.path("tls.key"));
    let no_certificate = format!("tls.cert_file {}: has no certificate in PEM", files.path("tls.crt"));
    for (name, content, says) in [
        ("tls.key", "a secret", no_key),
        ("tls.key", &other.read("tls.key"), mismatch),
        ("tls.crt", "a certificate", no_certificate),
        ("ca.crt", &good[..good.len() / 2], format!("tls.ca_file {}", files.path("ca.crt"))),
    ] {
        let before = files.read(name);
        files.write(name, content);
        let arguments = ["serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
        let output =
            program(&arguments).envs(encrypted(&files).environment).output().await.expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&says), "{said}");
        files.write(name, &before);
    }
}
