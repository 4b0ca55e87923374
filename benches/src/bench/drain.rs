//! A node with many active performances is told to end, and hands them over.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::failover::{SEATS, on_sale};
use crate::load::{Logged, Rivals, Timing, open};
use crate::outside;
use crate::peers::cluster::Cluster;
use crate::row::{Figure, Goal, Row};
use crate::world::World;

/// The node that ends, of three.
const DRAINED: usize = 2;
const OTHERS: [usize; 2] = [0, 1];
/// What it has to have when it ends, and a few more that may have been moved away by then.
const ACTIVE_MIN: u32 = 200;
const OWNED: usize = 210;
const PER_SECOND: f64 = 1_200.0;
/// Each performance is asked for a seat by then, and so active; and the drain is over long before the load.
const BEFORE: Duration = Duration::from_secs(3);
const LOADED: Duration = Duration::from_secs(12);
const DRAIN_MS_MAX: f64 = 10_000.0;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let mut cluster = world.cluster(3, &[]).await?;
    cluster.shared_out().await?;
    let dialer = cluster.dialer(&OTHERS)?;
    let names = on_sale(&cluster, DRAINED, OWNED).await?;
    let rivals = |_: &usize| Logged::new(Rivals::new(&names, 0..SEATS));
    let scripts = OTHERS.iter().map(rivals).collect();
    let timing = Timing { per_second: PER_SECOND, warm_up: BEFORE, measured: LOADED };
    let ((latency, tally, scripts), (active, took)) =
        tokio::try_join!(open(&dialer, scripts, timing), drain(&mut cluster))?;
    ensure!(took < LOADED, "the drain took {took:?}, longer than the load");
    let mut kept = Vec::new();
    for logged in scripts {
        logged.tell_failures();
        kept.extend(logged.script.into_kept());
    }
    eprintln!("  drained in {took:?}; looking at {} holds", kept.len());
    outside::check(&dialer, &kept).await?;
    let what =
        format!("drain of a node with {active} of {} performances, {PER_SECOND:.0} holds/s", names.len());
    Ok(vec![
        Row::new(
            format!("{what}: SIGTERM to exit"),
            Figure::milliseconds(took.as_secs_f64() * 1_000.0),
            Goal::AtMost(DRAIN_MS_MAX),
        ),
        Row::new(format!("{what}: failed calls"), Figure::count(tally.failed as f64), Goal::AtMost(0.0)),
        Row::new(
            format!("{what}: longest wait of a hold"),
            Figure::milliseconds(latency.max() as f64 / 1_000.0),
            Goal::None,
        ),
    ])
}

/// Ends the node when the load has run for a while. Returns the performances that it had, and how long it took.
async fn drain(cluster: &mut Cluster) -> anyhow::Result<(u32, Duration)> {
    tokio::time::sleep(BEFORE).await;
    let view = cluster.view(0).await?;
    let name = format!("nodes/node-{DRAINED}");
    let node = view.nodes.iter().find(|node| node.name == name).context("the node is gone")?;
    let active = node.performances_active;
    ensure!(active >= ACTIVE_MIN, "only {active} performances are active");
    Ok((active, cluster.node_mut(DRAINED).terminate().await?))
}
