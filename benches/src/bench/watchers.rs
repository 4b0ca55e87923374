//! Two thousand watchers of the performance that is being sold.

use std::time::Duration;

use anyhow::ensure;

use super::median;
use crate::house;
use crate::load::{Churn, Watchers, closed};
use crate::row::{Figure, Goal, Row};
use crate::world::World;

const SEATS: u32 = 50_000;
/// Sessions, each with a share of the seats, and the commands in flight of each.
const SESSIONS: u32 = 4;
const IN_FLIGHT: usize = 256;
/// How much of the throughput without watchers must be left.
const LEFT: f64 = 0.75;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let count = if world.quick { 200 } else { 2_000 };
    let node = world.node(&[]).await?;
    let venue = house::import(&node.dialer, "hall", SEATS).await?;
    let performance = house::perform(&node.dialer, &venue, "gala", Duration::from_secs(3_600)).await?;
    let share = SEATS / SESSIONS;
    let mut scripts: Vec<Churn> =
        (0..SESSIONS).map(|one| Churn::new(&performance, one * share..(one + 1) * share)).collect();
    let (mut alone, mut watched, mut fed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..world.rounds() {
        let (rate, _, same) = closed(&node.dialer, scripts, IN_FLIGHT, world.span()).await?;
        alone.push(rate);
        let mut watchers = Watchers::open(&node.dialer, &performance, count).await?;
        let (rate, _, same) = closed(&node.dialer, same, IN_FLIGHT, world.span()).await?;
        watched.push(rate);
        scripts = same;
        let (deltas, fewest) = watchers.take_deltas();
        ensure!(
            watchers.open_streams() == count,
            "streams ended: {} of {count} are left",
            watchers.open_streams()
        );
        ensure!(fewest > 0, "a stream got no delta");
        let span = world.span();
        fed.push(deltas as f64 / (span.warm_up + span.measured).as_secs_f64());
        eprintln!("  {:.0?}/s alone, {rate:.0}/s watched, at least {fewest} deltas a stream", alone.last());
    }
    let figure = |rates| Figure::per_second(median(rates));
    let what = format!("holds and releases on one performance with {count} watchers");
    let deltas = format!("deltas to the {count} watchers meanwhile, every stream fed");
    Ok(vec![
        Row::new(what, figure(watched), Goal::TimesPeer(LEFT)).against("without watchers", figure(alone)),
        Row::new(deltas, figure(fed), Goal::None),
    ])
}
