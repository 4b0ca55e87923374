//! Ten thousand performances that nobody asks for, on three nodes.

use std::time::{Duration, Instant};

use anyhow::ensure;
use earlybird_proto::v1::SessionRequest;
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Reply;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::house;
use crate::load::{Commands, send_all};
use crate::peers::cluster::Cluster;
use crate::row::{Figure, Goal, Row};
use crate::usage;
use crate::world::World;

/// Seats of each: what a performance costs while it is active.
const SEATS: u32 = 500;
/// Performances that are sold from at a time. As few as these are active at once, so that what the allocator keeps for
/// later does not grow with the number of all.
const BATCH: usize = 500;
/// Batches before the count begins: what a node has once, it has then.
const BATCHES_BEFORE: usize = 6;
const MADE_AT_ONCE: usize = 32;
/// Soon, instead of after minutes.
const RESTS_SOON: [(&str, &str); 1] = [("EARLYBIRD_SHARD__PASSIVATE_AFTER", "1s")];
const REST_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The allocator gives memory back, and connections end, after a while.
const SETTLE: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(10);
const MEMORY_BYTES_MAX: f64 = 200.0;
/// 2% of a core.
const BUSY_MS_A_SECOND_MAX: f64 = 20.0;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let batches = if world.quick { 4 } else { 20 };
    let cluster = world.cluster(3, &RESTS_SOON).await?;
    cluster.shared_out().await?;
    let venue = house::import(&cluster.node(0).dialer, "hall", SEATS).await?;
    for batch in 0..BATCHES_BEFORE {
        sell_from(&cluster, &venue, batch).await?;
    }
    let before = memory_bytes(&cluster).await?;
    for batch in BATCHES_BEFORE..BATCHES_BEFORE + batches {
        sell_from(&cluster, &venue, batch).await?;
    }
    let after = memory_bytes(&cluster).await?;
    let count = batches * BATCH;
    let each = (after as f64 - before as f64) / count as f64;
    eprintln!("  {before} bytes before, {after} after {count} more");
    let busy_ms = busy_ms_a_second(&cluster).await?;
    let all = (BATCHES_BEFORE + batches) * BATCH;
    Ok(vec![
        Row::new(
            format!("memory of a performance at rest, {count} on three nodes"),
            Figure::bytes(each),
            Goal::AtMost(MEMORY_BYTES_MAX),
        ),
        Row::new(
            format!("processor time a second of an idle node, {all} performances on three, busiest"),
            Figure::milliseconds(busy_ms),
            Goal::AtMost(BUSY_MS_A_SECOND_MAX),
        ),
    ])
}

/// Makes a batch of performances, holds and gives back a seat of each, and waits until all have gone to rest.
async fn sell_from(cluster: &Cluster, venue: &str, batch: usize) -> anyhow::Result<()> {
    let dialer = cluster.dialer(&[0, 1, 2])?;
    let ids = (batch * BATCH..(batch + 1) * BATCH).map(|number| format!("gala-{number}"));
    let made = ids.map(|id| {
        let dialer = &dialer;
        async move { house::perform(dialer, venue, &id, Duration::from_secs(3_600)).await }
    });
    let names: Vec<String> = futures::stream::iter(made).buffer_unordered(MADE_AT_ONCE).try_collect().await?;
    let mut commands: Vec<Commands> = names.iter().map(|name| Commands::new(name)).collect();
    let request = |(number, command)| SessionRequest { tag: number, timeout_ms: 0, command: Some(command) };
    let holds = commands.iter_mut().map(|commands| Command::HoldSeats(commands.hold(vec![0])));
    let wire = dialer.channel(0);
    let held = send_all(&wire, (0..).zip(holds).map(request)).await?;
    let releases = held.into_iter().filter_map(|response| match response.result {
        Some(Reply::Hold(hold)) => {
            let commands = &mut commands[response.tag as usize];
            Some((response.tag, Command::ReleaseHold(commands.release(&hold.name, &hold.buyer_id))))
        }
        _ => None,
    });
    let released = send_all(&wire, releases.map(request)).await?;
    ensure!(released.len() == BATCH, "{} of {BATCH} were given back", released.len());
    at_rest(cluster).await
}

async fn at_rest(cluster: &Cluster) -> anyhow::Result<()> {
    let deadline = Instant::now() + REST_TIMEOUT;
    loop {
        let nodes = cluster.view(0).await?.nodes;
        let active: u32 = nodes.iter().map(|node| node.performances_active).sum();
        if active == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{active} performances do not go to rest");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What all nodes have together, a while after everything has come to rest.
async fn memory_bytes(cluster: &Cluster) -> anyhow::Result<u64> {
    tokio::time::sleep(SETTLE).await;
    cluster.nodes().map(|node| usage::memory_bytes(node.id())).sum()
}

/// What the busiest node takes of a core, while nobody asks for anything.
async fn busy_ms_a_second(cluster: &Cluster) -> anyhow::Result<f64> {
    let taken = || -> anyhow::Result<Vec<Duration>> {
        cluster.nodes().map(|node| usage::processor_time(node.id())).collect()
    };
    let (before, since) = (taken()?, Instant::now());
    tokio::time::sleep(IDLE).await;
    let (after, took) = (taken()?, since.elapsed());
    let busy = after.iter().zip(&before).map(|(after, before)| *after - *before);
    let each: Vec<f64> = busy.map(|busy| busy.as_secs_f64() * 1_000.0 / took.as_secs_f64()).collect();
    eprintln!("  processor time a second: {each:.1?} ms");
    Ok(each.into_iter().fold(0.0, f64::max))
}
