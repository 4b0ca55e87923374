//! Payments through the provider's simulator, beside those who get no seat.

use std::time::Duration;

use anyhow::ensure;
use hdrhistogram::Histogram;
use rush::connect::Dialer;
use toss_sim::SECRET_KEY;

use super::{median, quantile_ms};
use crate::house;
use crate::load::{Mix, Purchases, Timing, open};
use crate::row::{Figure, Goal, Row};
use crate::world::World;

const SEATS_TAKEN: u32 = 10_000;
const PAYMENTS_PER_SECOND: f64 = 1_000.0;
/// How many are begun in a second: a little more than the goal, so that the moments at which answers come do not decide.
const BEGUN_PER_SECOND: f64 = 1_050.0;
const REJECTIONS_PER_SECOND: f64 = 20_000.0;
/// A payment takes a hold and a `PayHold`.
const COMMANDS_PER_PAYMENT: f64 = 2.0;
/// Sessions of those who get no seat, and of those who pay.
const SESSIONS: u32 = 4;
const PAYING_SESSIONS: u32 = 2;
/// Half of the provider's answers take no longer.
const LATENCY_MEDIAN: Duration = Duration::from_millis(50);
/// How many times its value without payments the rejections' p99 may be.
const P99_TIMES_MAX: f64 = 1.25;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let provider = world.payment_provider(LATENCY_MEDIAN).await?;
    let node = world
        .node(&[
            ("EARLYBIRD_PAYMENTS__GATEWAY", "toss"),
            ("EARLYBIRD_PAYMENTS__TOSS__BASE_URL", &provider.url),
            ("EARLYBIRD_PAYMENTS__TOSS__SECRET_KEY", SECRET_KEY),
        ])
        .await?;
    let rounds = world.rounds() as u32;
    let timing = timing(world, REJECTIONS_PER_SECOND);
    // Rounding and the last replies must not run out of seats.
    let of_round = (BEGUN_PER_SECOND * (timing.warm_up + timing.measured).as_secs_f64()) as u32 * 2;
    let venue = house::import(&node.dialer, "hall", SEATS_TAKEN + rounds * of_round).await?;
    let performance = house::perform(&node.dialer, &venue, "gala", Duration::from_secs(3_600)).await?;
    house::fill(&node.dialer, &performance, 0..SEATS_TAKEN).await?;
    let (mut alone, mut beside, mut paid) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        alone.push(rejections(&node.dialer, &performance, timing).await?);
        let first = SEATS_TAKEN + round * of_round;
        let (p99_ms, rate) = tokio::try_join!(
            rejections(&node.dialer, &performance, timing),
            payments(world, &node.dialer, &performance, first..first + of_round),
        )?;
        eprintln!("  p99 {:.2?} ms alone, {p99_ms:.2} ms beside {rate:.0} payments/s", alone.last());
        beside.push(p99_ms);
        paid.push(rate);
    }
    let what = format!("{REJECTIONS_PER_SECOND:.0} rejections/s");
    Ok(vec![
        Row::new(
            format!("payments held, captured and settled beside {what}"),
            Figure::per_second(median(paid)),
            Goal::AtLeast(PAYMENTS_PER_SECOND),
        ),
        Row::new(
            format!("{what}, beside them: p99"),
            Figure::milliseconds(median(beside)),
            Goal::AtMostTimesPeer(P99_TIMES_MAX),
        )
        .against("without payments", Figure::milliseconds(median(alone))),
    ])
}

fn timing(world: &World, per_second: f64) -> Timing {
    let span = world.span();
    Timing { per_second, warm_up: span.warm_up, measured: span.measured * 2 }
}

/// The p99 of holds that are all turned down, in milliseconds.
async fn rejections(dialer: &Dialer, performance: &str, timing: Timing) -> anyhow::Result<f64> {
    let scripts = (0..SESSIONS).map(|_| Mix::new(performance, 0..SEATS_TAKEN, 0..0)).collect();
    let (latency, tally, _): (Histogram<u64>, _, _) = open(dialer, scripts, timing).await?;
    ensure!(
        tally.failed == 0 && tally.accepted == 0,
        "holds of taken seats were not all turned down: {tally:?}"
    );
    Ok(quantile_ms(&latency, 0.99))
}

/// Orders that are paid in a second of the measured span.
async fn payments(
    world: &World,
    dialer: &Dialer,
    performance: &str,
    seats: std::ops::Range<u32>,
) -> anyhow::Result<f64> {
    let share = (seats.end - seats.start) / PAYING_SESSIONS;
    let of = |session| seats.start + session * share..seats.start + (session + 1) * share;
    let scripts = (0..PAYING_SESSIONS).map(|session| Purchases::new(performance, of(session))).collect();
    let timing = timing(world, BEGUN_PER_SECOND * COMMANDS_PER_PAYMENT);
    let (_, tally, scripts) = open(dialer, scripts, timing).await?;
    ensure!(tally.failed == 0 && tally.rejected == 0, "payments went wrong: {tally:?}");
    let paid: u64 = scripts.iter().map(Purchases::paid).sum();
    Ok(paid as f64 / timing.measured.as_secs_f64())
}
