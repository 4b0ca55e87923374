//! Holds and releases that all succeed, each acknowledged once it is on disk.

use std::time::Duration;

use anyhow::ensure;

use super::{median, quantile_ms};
use crate::house;
use crate::load::{Churn, Timing, closed, open};
use crate::row::{Figure, Goal, Row};
use crate::world::World;

/// Performances on sale, each with a session of its own.
const PERFORMANCES: u32 = 4;
const SEATS: u32 = 10_000;
/// Commands in flight of each session when it goes as fast as it can.
const IN_FLIGHT: usize = 1_024;
/// What has to be reached, and what 99% of the latencies may not exceed at half of that.
const PER_SECOND_MIN: f64 = 30_000.0;
const P99_MS_MAX: f64 = 50.0;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let node = world.node(&[]).await?;
    let venue = house::import(&node.dialer, "hall", SEATS).await?;
    let mut scripts = Vec::new();
    for number in 0..PERFORMANCES {
        let id = format!("gala-{number}");
        let performance = house::perform(&node.dialer, &venue, &id, Duration::from_secs(3_600)).await?;
        scripts.push(Churn::new(&performance, 0..SEATS));
    }
    let mut rates = Vec::new();
    for _ in 0..world.rounds() {
        let (rate, tally, same) = closed(&node.dialer, scripts, IN_FLIGHT, world.span()).await?;
        scripts = same;
        eprintln!("  {rate:.0}/s, {tally:?}");
        rates.push(rate);
    }
    let most = median(rates);
    let in_flight = IN_FLIGHT * PERFORMANCES as usize;
    let mut rows = vec![Row::new(
        format!("churn (hold, release), durable on PostgreSQL, {in_flight} in flight"),
        Figure::per_second(most),
        Goal::AtLeast(PER_SECOND_MIN),
    )];
    for (per_second, goal) in [(PER_SECOND_MIN / 2.0, Goal::AtMost(P99_MS_MAX)), (most / 2.0, Goal::None)] {
        let span = world.span();
        let timing = Timing { per_second, warm_up: span.warm_up, measured: span.measured * 2 };
        let (latency, tally, same) = open(&node.dialer, scripts, timing).await?;
        scripts = same;
        ensure!(tally.failed == 0, "commands failed at {per_second:.0}/s: {tally:?}");
        let at = |share: &str| format!("churn at {per_second:.0}/s, from the intended moment: {share}");
        let quantile = |share| Figure::milliseconds(quantile_ms(&latency, share));
        rows.push(Row::new(at("p50"), quantile(0.5), Goal::None));
        rows.push(Row::new(at("p99"), quantile(0.99), goal));
    }
    Ok(rows)
}
