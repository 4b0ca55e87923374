//! The test server itself: its secrets, and its end.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use earlybird_persistence::{OpenError, open};

use crate::support::eventually;

const CHILD: &str = "EARLYBIRD_TEST_SERVER_CHILD";

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_shown() {
    if skips_postgres().unwrap() {
        return;
    }
    let url = TempPostgres::shared().unwrap().url();
    let (_, rest) = url.split_once('@').unwrap();
    let error = open(&format!("postgres://earlybird:another-secret@{rest}")).await.unwrap_err();
    assert!(matches!(error, OpenError::Unavailable { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    let store = open(&url).await.unwrap();
    assert!(!format!("{store:?}").contains("secret"), "{store:?}");
    store.close().await;
}

/// Not a test of its own: the process that the next one kills.
#[test]
fn server_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let server = TempPostgres::start_new().unwrap();
    println!("\nserver {} {}", server.port(), server.directory().display());
    // Until it is killed.
    std::thread::park();
}

#[tokio::test]
async fn a_server_ends_with_the_process_that_started_it() {
    if skips_postgres().unwrap() {
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "postgres_harness::server_child", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said = lines.filter_map(|line| line.strip_prefix("server ").map(str::to_owned)).next().unwrap();
    let (port, directory) = said.split_once(' ').unwrap();
    let port: u16 = port.parse().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    // SIGKILL: no destructor runs.
    child.kill().unwrap();
    child.wait().unwrap();
    eventually(async || TcpStream::connect(("127.0.0.1", port)).is_err() && !Path::new(directory).exists())
        .await;
}
