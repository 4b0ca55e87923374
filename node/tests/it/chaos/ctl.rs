//! `earlybirdctl` and real nodes: what operators see, and what they bring about.

use std::path::Path;
use std::process::{Output, Stdio};

use earlybird_persistence::testing::skips_postgres;
use serde_json::Value;
use tokio::process::Command;

use super::cluster::{Cluster, PERFORMANCES};
use super::eventually;

const NODES: usize = 3;

/// The program, as it is run against this node. It is built with all programs of the workspace.
fn program(endpoint: &str, arguments: &[&str]) -> Command {
    let path = Path::new(env!("CARGO_BIN_EXE_earlybird")).with_file_name("earlybirdctl");
    assert!(path.exists(), "build the workspace's programs first: cargo build --workspace --bins");
    let mut command = Command::new(path);
    command.env_remove("EARLYBIRD_TOKEN_FILE").args(["--endpoint", endpoint]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(endpoint: &str, arguments: &[&str]) -> Output {
    program(endpoint, arguments).output().await.expect("it starts")
}

/// What a command that succeeds prints.
async fn told(endpoint: &str, arguments: &[&str]) -> Value {
    let output = run(endpoint, &[arguments, &["--output", "json"]].concat()).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A command that the cluster refuses, for this reason.
async fn refused(endpoint: &str, arguments: &[&str], reason: &str) {
    let output = run(endpoint, arguments).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    assert!(said.contains(reason), "{arguments:?}: {said}");
}

/// A field of a node, as `status` shows it.
async fn of_node(endpoint: &str, node: usize, field: &str) -> Value {
    let status = told(endpoint, &["status"]).await;
    let name = format!("node-{node}");
    let nodes = status["nodes"].as_array().expect("nodes");
    nodes.iter().find(|row| row["node"] == *name).expect("the node")[field].clone()
}

fn count(value: &Value) -> usize {
    value.as_array().expect("an array").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_direct_a_cluster() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(NODES).await.with("CLUSTER__REBALANCE", "manual");
    let mut servers = cluster.start_uneven().await;
    let any = cluster.sites[0].endpoint();

    rebalances(&any, &cluster.sites[1].endpoint()).await;
    drains(&any).await;
    moves_and_pins(&any).await;

    let audits = told(&any, &["audit"]).await;
    assert_eq!(count(&audits), PERFORMANCES.len());
    assert!(audits.as_array().expect("audits").iter().all(|audit| audit["clean"] == true), "{audits}");

    servers.remove(2).kill().await;
    eventually("the node is dead", async || (of_node(&any, 2, "state").await == "DEAD").then_some(())).await;
    refused(&any, &["move", "aida", "node-2", "--yes"], "NODE_NOT_ACTIVE").await;
    refused(&any, &["drain", "node-2", "--yes"], "NODE_NOT_ACTIVE").await;
    eventually("others have its buckets", async || {
        (told(&any, &["status"]).await["buckets_unowned"] == 0).then_some(())
    })
    .await;
    for server in servers {
        assert!(server.terminate().await.0.success());
    }
}

/// The first node has all, since it was there first; then all have their shares.
async fn rebalances(any: &str, other: &str) {
    assert_eq!(of_node(any, 0, "buckets").await, 1_024);
    let plan = told(any, &["rebalance", "plan"]).await;
    let wanted = count(&plan["moves"]);
    assert!((600..=683).contains(&wanted), "two thirds are to move: {wanted}");
    let dry = told(any, &["rebalance", "apply", "--dry-run", "--max-moves", "5"]).await;
    assert_eq!((count(&dry["moves"]), &dry["moves_left_out"]), (5, &Value::from(wanted - 5)));
    assert_eq!(of_node(any, 0, "buckets").await, 1_024, "a dry run moves nothing");
    let few = told(any, &["rebalance", "apply", "--yes", "--max-moves", "5"]).await;
    assert_eq!((&few["moved"], &few["failed"]), (&Value::from(5), &Value::from(0)));

    let mut first =
        program(any, &["rebalance", "apply", "--yes", "--concurrency", "1"]).spawn().expect("it starts");
    eventually("buckets move", async || (of_node(any, 0, "buckets").await.as_u64()? < 1_015).then_some(()))
        .await;
    for endpoint in [any, other] {
        refused(endpoint, &["rebalance", "apply", "--yes"], "REBALANCE_IN_PROGRESS").await;
    }
    assert!(first.try_wait().expect("it can be asked").is_none(), "the first one is still at it");
    assert!(first.wait().await.expect("it ends").success());
    assert_eq!(count(&told(any, &["rebalance", "plan"]).await["moves"]), 0, "nothing is left to move");
}

/// A node gives everything away, gets nothing, and may own again.
async fn drains(any: &str) {
    let drained = told(any, &["drain", "node-1", "--yes"]).await;
    assert_eq!(drained["failed"], 0, "{drained}");
    assert_eq!(of_node(any, 1, "buckets").await, 0);
    assert_eq!(told(any, &["performances", "--node", "node-1"]).await, Value::Array(Vec::new()));
    refused(any, &["move", "aida", "node-1", "--yes"], "NODE_NOT_ACTIVE").await;
    assert_eq!(told(any, &["undrain", "node-1"]).await["state"], "ACTIVE");
}

async fn moves_and_pins(any: &str) {
    assert_eq!(told(any, &["move", "aida", "node-1", "--yes"]).await["node"], "node-1");
    assert_eq!(told(any, &["pin", "aida", "node-2", "--yes"]).await["node"], "node-2");
    let placements = told(any, &["performances"]).await;
    assert_eq!(count(&placements), PERFORMANCES.len());
    assert_eq!(
        (&placements[0]["performance"], &placements[0]["pinned_to"]),
        (&"aida".into(), &"node-2".into())
    );
    told(any, &["unpin", "aida"]).await;
    assert_eq!(told(any, &["performances"]).await[0]["pinned_to"], "");
    refused(any, &["move", "aida", "node-9", "--yes"], "NODE_NOT_FOUND").await;
    refused(any, &["drain", "node-9", "--yes"], "NODE_NOT_FOUND").await;
    refused(any, &["pin", "nothing", "node-0", "--yes"], "PERFORMANCE_NOT_FOUND").await;
}
