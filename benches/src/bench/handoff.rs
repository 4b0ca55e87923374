//! A performance that changes its owner in the middle of its on-sale, to and fro.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{Instant, MissedTickBehavior};

use super::quantile_ms;
use crate::house;
use crate::load::{Answered, Churn, Line, Logged, Mix, Script, Timing, latencies, open};
use crate::peers::cluster::Cluster;
use crate::row::{Figure, Goal, Row};
use crate::world::World;

const SEATS: u32 = 10_000;
/// Of those, what is taken before the on-sale of the mission's mix.
const SEATS_TAKEN: u32 = 9_000;
/// Two at each of the two nodes.
const SESSIONS: u32 = 4;
const PER_SECOND: f64 = 5_000.0;
const PAUSE_MS_MAX: f64 = 50.0;
/// From the beginning of one move to that of the next.
const MOVE_EVERY: Duration = Duration::from_millis(400);
/// A move may keep commands waiting that were to be sent so long before it began, or after it was reported done.
const BEFORE: Duration = Duration::from_millis(20);
const AFTER: Duration = Duration::from_millis(100);
/// Only the benchmark moves anything.
const BY_HAND: [(&str, &str); 1] = [("EARLYBIRD_CLUSTER__REBALANCE", "manual")];

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let hold_ttl = Duration::from_secs(3_600);
    let stage = async || -> anyhow::Result<(Cluster, String)> {
        let cluster = world.cluster(2, &BY_HAND).await?;
        let dialer = &cluster.node(0).dialer;
        let venue = house::import(dialer, "hall", SEATS).await?;
        let performance = house::perform(dialer, &venue, "gala", hold_ttl).await?;
        Ok((cluster, performance))
    };
    let (cluster, performance) = stage().await?;
    let share = SEATS / SESSIONS;
    let churn = |session| Churn::new(&performance, session * share..(session + 1) * share);
    let scripts = (0..SESSIONS).map(churn).collect();
    let mut rows = moved(world, &cluster, &performance, "hold and release", scripts).await?;
    drop(cluster);

    let (cluster, performance) = stage().await?;
    house::fill(&cluster.node(0).dialer, &performance, 0..SEATS_TAKEN).await?;
    let share = (SEATS - SEATS_TAKEN) / SESSIONS;
    let free = |session| SEATS_TAKEN + session * share..SEATS_TAKEN + (session + 1) * share;
    let mix = |session| Mix::new(&performance, 0..SEATS_TAKEN, free(session));
    let scripts = (0..SESSIONS).map(mix).collect();
    rows.extend(moved(world, &cluster, &performance, "99.5% rejected", scripts).await?);
    Ok(rows)
}

/// A move, from when it was asked for until it was reported done.
struct Move {
    began: Instant,
    ended: Instant,
}

async fn moved<S: Script>(
    world: &World,
    cluster: &Cluster,
    performance: &str,
    commands: &str,
    scripts: Vec<S>,
) -> anyhow::Result<Vec<Row>> {
    let count: u32 = if world.quick { 20 } else { 100 };
    let warm_up = world.span().warm_up;
    let timing = Timing { per_second: PER_SECOND, warm_up, measured: MOVE_EVERY * (count + 2) };
    let scripts = scripts.into_iter().map(Logged::new).collect();
    let dialer = cluster.dialer(&[0, 1])?;
    let ((_, tally, scripts), moves) =
        tokio::try_join!(open(&dialer, scripts, timing), to_and_fro(cluster, performance, count, warm_up))?;
    scripts.iter().for_each(Logged::tell_failures);
    let log: Vec<Line> = scripts.into_iter().flat_map(|script| script.log).collect();
    let (mut around, mut between) = (latencies()?, latencies()?);
    for (number, of) in moves.iter().enumerate() {
        let longest =
            longest(&log, of.began - BEFORE, of.ended + AFTER).context("no command around a move")?;
        around.saturating_record(longest.as_micros() as u64);
        // As long a time in which nothing moves: what the machine alone makes commands wait.
        let next = moves.get(number + 1).map_or(of.began + MOVE_EVERY, |next| next.began) - BEFORE;
        let quiet = next - (of.ended + AFTER).duration_since(of.began - BEFORE);
        if quiet > of.ended + AFTER {
            between
                .saturating_record(self::longest(&log, quiet, next).unwrap_or_default().as_micros() as u64);
        }
    }
    let own_ms = own_pauses_ms(cluster, u64::from(count)).await?;
    let what = format!("{SEATS} seats moved {count} times at {PER_SECOND:.0} commands/s, {commands}");
    let row = |share: f64, name: &str, goal| {
        Row::new(
            format!("{what}: longest wait around a move, {name}"),
            Figure::milliseconds(quantile_ms(&around, share)),
            goal,
        )
        .against("when nothing moves", Figure::milliseconds(quantile_ms(&between, share)))
    };
    Ok(vec![
        row(0.99, "p99", Goal::AtMost(PAUSE_MS_MAX)),
        row(0.5, "p50", Goal::None),
        Row::new(
            format!("{what}: pause as the nodes count it, p99, at most"),
            Figure::milliseconds(own_ms),
            Goal::AtMost(PAUSE_MS_MAX),
        ),
        Row::new(format!("{what}: failed calls"), Figure::count(tally.failed as f64), Goal::AtMost(0.0)),
    ])
}

/// Moves the performance so many times, beginning a while after the load has.
async fn to_and_fro(
    cluster: &Cluster,
    performance: &str,
    count: u32,
    warm_up: Duration,
) -> anyhow::Result<Vec<Move>> {
    let mut ticks = tokio::time::interval_at(Instant::now() + warm_up + MOVE_EVERY, MOVE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut owner = cluster.owner(0, performance).await?;
    let (mut moves, mut epoch) = (Vec::new(), 0);
    for _ in 0..count {
        ticks.tick().await;
        let began = Instant::now();
        owner = 1 - owner;
        let routing = cluster.bring(performance, owner).await?;
        moves.push(Move { began, ended: Instant::now() });
        ensure!(routing.epoch > epoch, "it did not move: {routing:?}");
        epoch = routing.epoch;
    }
    Ok(moves)
}

/// The longest wait of the commands that were to be sent within a span; none when there were none.
fn longest(log: &[Line], from: Instant, to: Instant) -> Option<Duration> {
    let within = log.iter().filter(|line| (from..to).contains(&line.intended));
    let answered = within.filter(|line| line.answered != Answered::Failed);
    answered.map(|line| line.answered_at - line.intended).max()
}

/// The bound that 99% of the pauses did not exceed, as the nodes counted them in buckets.
async fn own_pauses_ms(cluster: &Cluster, expected: u64) -> anyhow::Result<f64> {
    let mut buckets: Vec<(f64, u64)> = Vec::new();
    for node in cluster.nodes() {
        for (bound_s, count) in handoff_buckets(&node.metrics().await?) {
            match buckets.iter_mut().find(|(known, _)| *known == bound_s) {
                Some((_, sum)) => *sum += count,
                None => buckets.push((bound_s, count)),
            }
        }
    }
    let all = buckets.iter().map(|(_, count)| *count).max().unwrap_or_default();
    ensure!(all == expected, "{expected} moves, but the nodes counted {all}");
    let enough = (all as f64 * 0.99).ceil() as u64;
    let bounds = buckets.iter().filter(|(_, count)| *count >= enough).map(|(bound_s, _)| *bound_s);
    Ok(bounds.fold(f64::INFINITY, f64::min) * 1_000.0)
}

/// Upper bounds in seconds, and how many handoffs took no longer.
fn handoff_buckets(metrics: &str) -> Vec<(f64, u64)> {
    let of_line = |line: &str| {
        let (bound, count) =
            line.strip_prefix("earlybird_cluster_handoff_seconds_bucket{le=\"")?.split_once("\"} ")?;
        Some((bound.parse().ok()?, count.parse().ok()?))
    };
    metrics.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read() {
        let metrics = "# TYPE earlybird_cluster_handoff_seconds histogram\n\
            earlybird_cluster_handoff_seconds_bucket{le=\"0.05\"} 7\n\
            earlybird_cluster_handoff_seconds_bucket{le=\"+Inf\"} 8\n\
            earlybird_cluster_handoff_seconds_sum 1.5\n";
        assert_eq!(handoff_buckets(metrics), [(0.05, 7), (f64::INFINITY, 8)]);
    }
}
