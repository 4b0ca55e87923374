//! The program: started, killed, and started again.

use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use tokio::process::{Child, Command};

use crate::support::{Shop, answer, eventually};

#[derive(Deserialize)]
struct Ready {
    url: String,
    pid: u32,
}

async fn launch(folder: &Path) -> (Child, Shop) {
    let ready_file = folder.join("ready.json");
    let _ = std::fs::remove_file(&ready_file);
    let child = Command::new(env!("CARGO_BIN_EXE_toss-sim"))
        .args(["--listen", "127.0.0.1:0", "--median", "0s", "--ledger-file"])
        .arg(folder.join("ledger"))
        .arg("--ready-file")
        .arg(&ready_file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let ready: Ready =
        eventually("it is ready", async || serde_json::from_slice(&std::fs::read(&ready_file).ok()?).ok())
            .await;
    assert_eq!(Some(ready.pid), child.id());
    (child, Shop::at(&ready.url))
}

#[tokio::test]
async fn books_and_keys_outlive_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut child, shop) = launch(folder.path()).await;
    shop.confirm("key-1", "order-1", 100).await;
    let refund = answer(shop.cancel_request("key-1", Some(30)).header("Idempotency-Key", "r")).await;
    let totals = shop.totals().await;
    child.kill().await.expect("it runs");

    let (_child, shop) = launch(folder.path()).await;
    assert_eq!(shop.totals().await, totals);
    let again = answer(shop.cancel_request("key-1", Some(30)).header("Idempotency-Key", "r")).await;
    assert_eq!(again, refund, "not refunded twice");
    assert_eq!(shop.totals().await, totals);
}

#[tokio::test]
async fn wrong_settings_are_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_toss-sim")).args(["--decline", "2"]).output().await;
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("shares.decline: must be from 0 to 1, not 2"), "{said}");
}
