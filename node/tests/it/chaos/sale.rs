//! An on-sale by `rush`, and what must be true of it in the end.

use std::time::Duration;

use rush::onsale::{House, Options, Outcome};
use rush::progress::{Stage, Update};
use tokio::sync::watch;
use toss_sim::{Behaviour, Shares, Simulator};

use super::house::{self, plan_json};
use super::server::{Server, Site};
use crate::support::provider_that;

/// Rows of the hall that is sold.
const ROWS: u32 = 30;

/// How far an on-sale is.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    /// Whether the curve is followed: no more preparing, not yet settling.
    pub(super) selling: bool,
    /// Tries of the curve.
    pub(super) planned: u64,
    /// Definite answers so far.
    pub(super) answers: u64,
}

/// Watches an on-sale.
pub(super) type Marks = watch::Receiver<Mark>;

/// A payment provider that declines, falls silent and errs now and then.
pub(super) async fn provider() -> Simulator {
    let shares = Shares {
        decline: 0.01,
        silent_done: 0.005,
        reset_done: 0.005,
        error: 0.005,
        error_done: 0.005,
        ..Shares::default()
    };
    provider_that(Behaviour { latency_median_ms: 20.0, shares, ..Behaviour::default() }).await
}

/// An on-sale at `site`, which pays through `provider`: 1,500 seats, 6,000 buyers, `tries` of each, over `duration`.
pub(super) fn options(
    site: &Site,
    provider: &Simulator,
    tries: f64,
    duration: Duration,
    seed: u64,
) -> Options {
    let plan = site.folder().join("hall.json");
    std::fs::write(&plan, plan_json(ROWS)).expect("the plan is written");
    Options {
        buyers: Some(6_000),
        tries,
        duration,
        burst: duration / 8,
        burst_share: 0.2,
        presale: Duration::from_secs(1),
        compress: 1.0,
        think_time: Duration::from_millis(400),
        hold_ttl: Duration::from_secs(3),
        sessions: 4,
        timeout: Duration::from_secs(4),
        patience: Duration::from_secs(40),
        seed,
        toss_sim: Some(provider.url()),
        ..Options::new(site.endpoint(), House::Plan(plan))
    }
}

/// Runs the on-sale to its end, and lets `meddle` do meanwhile what it likes. Returns what came of both.
pub(super) async fn run<T>(options: Options, meddle: impl AsyncFnOnce(Marks) -> T) -> (Outcome, T) {
    let (marker, marks) = watch::channel(Mark::default());
    let tell = move |update: &Update| {
        marker.send_replace(Mark {
            selling: update.stage == Stage::Selling,
            planned: update.planned,
            answers: update.answers,
        });
    };
    let sale = async move { rush::onsale::run(options, &tell).await.expect("the on-sale runs") };
    tokio::join!(sale, meddle(marks))
}

/// Waits until the on-sale has had so many answers. Returns none when it ended before.
pub(super) async fn answered(marks: &mut Marks, answers: u64) -> Option<Mark> {
    marks.wait_for(|mark| mark.answers >= answers).await.ok().map(|mark| *mark)
}

/// Waits until the curve has begun.
pub(super) async fn begun(marks: &mut Marks) -> Mark {
    *marks.wait_for(|mark| mark.selling).await.expect("the on-sale begins")
}

/// Ends the node in order, and looks at what must be true of every on-sale, whatever happened during it.
pub(super) async fn conclude(outcome: &Outcome, server: Server, site: &Site) {
    conclude_after_outage(outcome, server, site, Duration::ZERO).await;
}

/// As [`conclude`], where the store was away for so long.
pub(super) async fn conclude_after_outage(outcome: &Outcome, server: Server, site: &Site, outage: Duration) {
    let (status, took) = server.terminate().await;
    assert!(status.success(), "SIGTERM ends it in order, not with {status}");
    println!("drained in {took:?}");
    house::audit_after_outage(site.store(), outage).await;
    assert_sound(outcome);
}

/// Looks at what the check from outside says.
pub(super) fn assert_sound(outcome: &Outcome) {
    let report = &outcome.report;
    assert!(outcome.violations.is_empty(), "seen from outside: {:#?}", outcome.violations);
    assert_eq!(report.check_error, None, "the check was made");
    assert!(report.checks.iter().any(|line| line.checked > 0), "the check looked at something");
    assert!(!report.gave_up && !report.interrupted, "the on-sale went on to its end");
    let counts = report.seats.counts;
    assert!(outcome.sold_out || counts.held + counts.paying == 0, "sold out, or settled: {counts:?}");
    println!(
        "rush: {} sent, {} answered, {} ok, {} sent again, {} sessions lost, {} orders, sold {} of {}, {:.1} s",
        report.requests.sent,
        report.requests.answered,
        report.requests.ok,
        report.requests.retried,
        report.requests.disconnects,
        report.money.orders,
        counts.sold,
        report.seats.capacity,
        report.duration_s,
    );
}
