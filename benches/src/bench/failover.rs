//! A node is killed in the middle of an on-sale, and others take over what it owned.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use crate::house;
use crate::load::{Answered, Kept, Logged, Rivals, Timing, open};
use crate::outside;
use crate::peers::cluster::Cluster;
use crate::row::{Figure, Goal, Row};
use crate::world::World;

/// Seats of each performance: more than are asked for in all rounds together.
pub(super) const SEATS: u32 = 2_000;
/// Performances made at a time.
const MADE_AT_ONCE: usize = 16;
/// The node that is killed, of three.
const KILLED: usize = 1;
const OTHERS: [usize; 2] = [0, 2];
/// Performances that it owns then, at least.
const OWNED: usize = 20;
const PER_SECOND: f64 = 3_000.0;
const BEFORE: Duration = Duration::from_secs(3);
const LOADED: Duration = Duration::from_secs(7);
const SERVED_MS_MAX: f64 = 4_000.0;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let mut cluster = world.cluster(3, &[]).await?;
    cluster.shared_out().await?;
    let names = on_sale(&cluster, KILLED, OWNED).await?;
    let rounds = world.rounds();
    let mut slowest = Duration::ZERO;
    let mut kept = Vec::new();
    for round in 0..rounds {
        let of_round = SEATS / rounds as u32;
        let first = round as u32 * of_round;
        let (served, of_round) = killed(&mut cluster, &names, first..first + of_round).await?;
        eprintln!("  all served again after {served:?}; {} holds acknowledged", of_round.len());
        slowest = slowest.max(served);
        kept.extend(of_round);
        outside::check(&cluster.dialer(&OTHERS)?, &kept).await.context("after a failover")?;
        cluster.restart(KILLED).await?;
        cluster.shared_out().await?;
    }
    outside::check(&cluster.dialer(&[KILLED])?, &kept).await.context("after the node came back")?;
    let what = format!("{PER_SECOND:.0} holds/s on {} performances, one of three nodes killed", names.len());
    Ok(vec![
        Row::new(
            format!("{what}: until every performance answers again, slowest of {rounds}"),
            Figure::milliseconds(slowest.as_secs_f64() * 1_000.0),
            Goal::AtMost(SERVED_MS_MAX),
        ),
        Row::new(
            format!("{what}: lost of {} acknowledged", kept.len()),
            // One that was lost would have been an error.
            Figure::count(0.0),
            Goal::AtMost(0.0),
        ),
    ])
}

/// Makes performances until a node owns so many of them. Returns the names of all.
pub(super) async fn on_sale(cluster: &Cluster, node: usize, owned: usize) -> anyhow::Result<Vec<String>> {
    let dialer = &cluster.node(0).dialer;
    let venue = house::import(dialer, "hall", SEATS).await?;
    let (mut names, mut of_node) = (Vec::new(), 0);
    while of_node < owned {
        let ids = (names.len()..names.len() + MADE_AT_ONCE).map(|number| format!("gala-{number}"));
        let made = ids.map(|id| {
            let venue = &venue;
            async move {
                let name = house::perform(dialer, venue, &id, Duration::from_secs(3_600)).await?;
                let owner = cluster.owner(0, &name).await?;
                anyhow::Ok((name, owner))
            }
        });
        let made: Vec<_> = futures::stream::iter(made).buffer_unordered(MADE_AT_ONCE).try_collect().await?;
        of_node += made.iter().filter(|(_, owner)| *owner == node).count();
        names.extend(made.into_iter().map(|(name, _)| name));
    }
    Ok(names)
}

/// Kills the node under load. Returns how long it took until every performance answered a hold that was sent after that,
/// and the holds that were acknowledged.
async fn killed(
    cluster: &mut Cluster,
    names: &[String],
    seats: std::ops::Range<u32>,
) -> anyhow::Result<(Duration, Vec<Kept>)> {
    let dialer = cluster.dialer(&OTHERS)?;
    let scripts = OTHERS.iter().map(|_| Logged::new(Rivals::new(names, seats.clone()))).collect();
    let timing = Timing { per_second: PER_SECOND, warm_up: BEFORE, measured: LOADED };
    let kill = async {
        tokio::time::sleep(BEFORE).await;
        let began = Instant::now();
        cluster.node_mut(KILLED).kill();
        Ok((began, Instant::now()))
    };
    let ((_, _, scripts), (began, dead)) = tokio::try_join!(open(&dialer, scripts, timing), kill)?;
    let mut first_answers = vec![None::<Instant>; names.len()];
    let mut kept = Vec::new();
    for logged in scripts {
        logged.tell_failures();
        for line in logged.log {
            if line.intended >= dead && line.answered != Answered::Failed {
                let first = &mut first_answers[logged.script.performance_of(line.tag)];
                *first = Some(first.map_or(line.answered_at, |known| known.min(line.answered_at)));
            }
        }
        kept.extend(logged.script.into_kept());
    }
    let silent = first_answers.iter().filter(|first| first.is_none()).count();
    ensure!(silent == 0, "{silent} performances did not answer any more");
    let last = first_answers.into_iter().flatten().max().context("no performance")?;
    Ok((last - began, kept))
}
