//! Sessions at the owner of a performance, and at another node, which sends their commands on: both in turn.

use std::time::Duration;

use anyhow::ensure;

use super::median;
use crate::house;
use crate::load::{Churn, Mix, Script, closed};
use crate::peers::cluster::Cluster;
use crate::row::{Figure, Goal, Row};
use crate::world::World;

/// Seats of the house, and those of them that are taken before the run with rejections.
const SEATS: u32 = 200_000;
const SEATS_TAKEN: u32 = 10_000;
/// Seats that are held and released.
const SEATS_CHURNED: u32 = 20_000;
/// Sessions, each on a connection of its own, and what all together have in flight.
const SESSIONS: u32 = 4;
const IN_FLIGHT: usize = 4_096;
const TIMES_MIN: f64 = 0.6;
/// Nothing moves: the first node owns everything.
const BY_HAND: [(&str, &str); 1] = [("EARLYBIRD_CLUSTER__REBALANCE", "manual")];
const OWNER: usize = 0;
const OTHER: usize = 1;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let cluster = world.cluster(2, &BY_HAND).await?;
    let dialer = &cluster.node(OWNER).dialer;
    let venue = house::import(dialer, "hall", SEATS).await?;
    let hold_ttl = Duration::from_secs(3_600);
    let mixed = house::perform(dialer, &venue, "mixed", hold_ttl).await?;
    let churned = house::perform(dialer, &venue, "churned", hold_ttl).await?;
    house::fill(dialer, &mixed, 0..SEATS_TAKEN).await?;
    for performance in [&mixed, &churned] {
        ensure!(
            cluster.owner(OTHER, performance).await? == OWNER,
            "the first node does not own {performance}"
        );
    }
    let share = (SEATS - SEATS_TAKEN) / SESSIONS;
    let free = |session| SEATS_TAKEN + session * share..SEATS_TAKEN + (session + 1) * share;
    let mix = (0..SESSIONS).map(|session| Mix::new(&mixed, 0..SEATS_TAKEN, free(session))).collect();
    let share = SEATS_CHURNED / SESSIONS;
    let churn = |session| Churn::new(&churned, session * share..(session + 1) * share);
    let churn = (0..SESSIONS).map(churn).collect();
    Ok(vec![
        beside_owner(world, &cluster, "99.5% rejected", mix).await?,
        beside_owner(world, &cluster, "hold and release", churn).await?,
    ])
}

async fn beside_owner<S: Script>(
    world: &World,
    cluster: &Cluster,
    commands: &str,
    mut scripts: Vec<S>,
) -> anyhow::Result<Row> {
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..world.rounds() {
        for (node, rates) in [OWNER, OTHER].into_iter().zip(&mut rates) {
            let in_flight = IN_FLIGHT / SESSIONS as usize;
            let dialer = &cluster.node(node).dialer;
            let (rate, tally, same) = closed(dialer, scripts, in_flight, world.span()).await?;
            scripts = same;
            ensure!(tally.failed == 0, "commands failed: {tally:?}");
            eprintln!("  {commands}, node {node}: {rate:.0}/s, {tally:?}");
            rates.push(rate);
        }
    }
    let [straight, sent_on] = rates.map(|rates| Figure::per_second(median(rates)));
    let what = format!("session at another node than the owner, {commands}, {IN_FLIGHT} in flight");
    Ok(Row::new(what, sent_on, Goal::TimesPeer(TIMES_MIN)).against("at the owner", straight))
}
