//! What only a file can suffer: a second process, and a writer that is killed.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use earlybird_persistence::{Epoch, NodeId, OpenError, Sequence, open};

use crate::support::{Fixture, Writer, bucket};

const CHILD: &str = "EARLYBIRD_TEST_WRITER_CHILD";

async fn assert_in_use(url: &str) {
    let error = open(url).await.unwrap_err();
    let OpenError::InUse { file } = &error else { panic!("{error:?}") };
    let expected = format!("the database {file} is in use by another earlybird; stop it or use another file");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_file_in_use_is_refused_at_once() {
    let fixture = Fixture::sqlite().await.unwrap();
    let started = std::time::Instant::now();
    assert_in_use(&fixture.url).await;
    assert!(started.elapsed().as_secs() < 2);
    // The first one does not notice.
    fixture.writer(5).await;
    fixture.store.close().await;
    open(&fixture.url).await.unwrap().close().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_made_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/missing/store.db", directory.path().display());
    assert!(matches!(open(&url).await, Err(OpenError::Unavailable { .. })));
}

/// Not a test of its own: the process that the next one kills.
#[tokio::test]
async fn writer_child() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let store = open(&url).await.unwrap();
    let claimed = store.claim_buckets(&NodeId::from("node-a"), &[bucket(5)]).await.unwrap();
    let writer = Writer { bucket: bucket(5), epoch: claimed[0].1 };
    println!();
    for first in (1..).step_by(10) {
        store.append(&writer.batch("a", first, first + 9)).await.unwrap();
        println!("acknowledged {}", first + 9);
    }
}

#[tokio::test]
async fn what_a_killed_writer_acknowledged_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("store.db").display());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite_faults::writer_child", "--nocapture"])
        .env(CHILD, &url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut acknowledged = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
    let before = acknowledged.by_ref().nth(20).unwrap();
    assert_in_use(&url).await;
    // SIGKILL, in the middle of whatever it does.
    child.kill().unwrap();
    child.wait().unwrap();
    let last = acknowledged.last().unwrap_or(before);

    let store = open(&url).await.unwrap();
    let head = store.heads(&["a".into()]).await.unwrap()[0].1.0;
    assert!(head == last || head == last + 10, "acknowledged {last}, found {head}");
    let tail = store.journal(&"a".into(), Sequence(head - 10), 100).await.unwrap();
    assert!(tail.iter().map(|record| record.sequence.0).eq(head - 9..=head));
    let claimed = store.claim_buckets(&NodeId::from("node-a"), &[bucket(5)]).await.unwrap();
    assert_eq!(claimed[0].1, Epoch(2));
    let writer = Writer { bucket: bucket(5), epoch: Epoch(2) };
    store.append(&writer.batch("a", head + 1, head + 1)).await.unwrap();
    store.close().await;
}
