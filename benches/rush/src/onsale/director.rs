//! The director: makes the lanes, follows the run, settles, checks and reports.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::desk::Desk;
use super::lane::{Lane, LaneResult};
use super::series::Series;
use super::settle::{Round, round, settle_max};
use super::shared::{Input, News, Shared};
use super::view::{Counts, View};
use super::{Options, Outcome, house};
use crate::check::{Evidence, Findings, Ledgers, Reader, Rules, check, orders_now};
use crate::clock::{Clock, unix_ms};
use crate::command::Names;
use crate::connect::{Dialer, Wire};
use crate::ids::{Moment, OrderId, Seat};
use crate::ledger::Ledger;
use crate::limits::{BUYERS_MAX, DESK_INBOX_MAX, LANE_INBOX_MAX, OPENING_WAIT_MAX, REQUESTS_MAX, TICK};
use crate::pacing::Curve;
use crate::progress::{Progress, Stage, Update};
use crate::report::{Inputs, build};
use crate::stats::{Interval, Outcome as Ended, Stats};
use crate::transport::{Connections, Transport};

/// Buyers for each seat, where their number is not given.
const BUYERS_PER_SEAT: u64 = 10;
/// From here until the curve begins, if the sale is open already: lanes connect in this time.
const CONNECT_TIME: Duration = Duration::from_millis(500);
/// Every so many ticks of settling, waiters are asked whether they were offered what is held.
const ASK_WAITERS_TICKS: u64 = 10;

/// See the module.
pub(super) struct Director<'a> {
    shared: Arc<Shared>,
    wire: Wire,
    progress: &'a dyn Progress,
    before: HashSet<OrderId>,
    started_unix_ms: u64,
    lanes: JoinSet<LaneResult>,
    inboxes: Vec<mpsc::Sender<Input>>,
    stats: Vec<Arc<Mutex<Stats>>>,
    background: JoinSet<()>,
    series: Series,
    sold_out_at: Option<Duration>,
    ticks: u64,
}

impl<'a> Director<'a> {
    /// Makes the house and the lanes; they wait for the opening.
    pub(super) async fn prepare(
        options: Options,
        progress: &'a dyn Progress,
    ) -> anyhow::Result<Director<'a>> {
        let dialer = Dialer::new(&options.endpoints, options.token.as_deref())?;
        let connections = Connections::new(&dialer, options.sessions)?;
        let wire = dialer.channel(0);
        // The run's mark must differ between runs of one seed, or their request ids would meet.
        let (run, _) = uuid::Uuid::new_v4().as_u64_pair();
        let facts = house::prepare(&wire, &options, run).await?;
        let (shared, desk_inbox) = share(options, facts, run)?;
        let before = orders_now(&wire, &shared.names, shared.options.patience)
            .await
            .context("orders cannot be listed")?;
        ensure!(
            before.is_empty() || shared.options.toss_sim.is_none(),
            "--toss-sim: {} has orders of before, and the journal adds up all of them",
            shared.names.performance()
        );
        let mut director = Director {
            series: Series::new(shared.curve.duration() + settle_max(&shared.options, &shared.facts) / 2),
            wire,
            progress,
            before: before.iter().map(|order| order.order).collect(),
            started_unix_ms: unix_ms() + shared.opening.since(shared.clock.now()).as_millis() as u64,
            lanes: JoinSet::new(),
            inboxes: Vec::new(),
            stats: Vec::new(),
            background: JoinSet::new(),
            sold_out_at: None,
            ticks: 0,
            shared,
        };
        director.open_lanes(&connections);
        director.open_desk(desk_inbox);
        Ok(director)
    }

    fn open_lanes(&mut self, connections: &Connections) {
        for index in 0..self.shared.options.sessions {
            let (sender, inbox) = mpsc::channel(LANE_INBOX_MAX);
            let stats = Arc::new(Mutex::new(Stats::default()));
            let transport = Transport::new(connections.clone(), self.shared.options.mode, index);
            let lane = Lane::new(Arc::clone(&self.shared), index, transport, inbox, Arc::clone(&stats));
            self.lanes.spawn(lane.run());
            self.inboxes.push(sender);
            self.stats.push(stats);
        }
    }

    fn open_desk(&mut self, inbox: mpsc::Receiver<News>) {
        let stats = Arc::new(Mutex::new(Stats::default()));
        self.stats.push(Arc::clone(&stats));
        let desk = Desk::new(Arc::clone(&self.shared), self.wire.clone(), inbox, self.inboxes.clone(), stats);
        self.background.spawn(desk.run());
        let (shared, wire) = (Arc::clone(&self.shared), self.wire.clone());
        let performance = shared.names.performance().to_owned();
        self.background.spawn(async move { shared.view.watch(wire, performance).await });
    }

    /// Runs to the end.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<Outcome> {
        let mut stop = pin!(stop);
        let stopped = tokio::select! {
            () = self.sell() => false,
            () = &mut stop => true,
        };
        self.shared.stop.store(stopped, Ordering::Relaxed);
        let settling = self.shared.clock.now();
        let interrupted = stopped
            || tokio::select! {
                () = self.settle() => false,
                () = &mut stop => true,
            };
        let settle_s = self.shared.clock.now().since(settling).as_secs_f64();
        let (ledger, gave_up) = self.close_lanes().await;
        self.finish(&ledger, gave_up, interrupted, settle_s).await
    }

    /// Waits until all lanes have sent their tries.
    async fn sell(&mut self) {
        let mut ticks = tokio::time::interval(TICK);
        while self.shared.lanes_done.load(Ordering::Relaxed) < self.shared.options.sessions {
            ticks.tick().await;
            let stage = if self.elapsed().is_zero() { Stage::Preparing } else { Stage::Selling };
            self.tick(stage);
        }
    }

    /// Sells what is left, until all is sold or the time for it is over.
    async fn settle(&mut self) {
        if !self.shared.options.settle {
            return;
        }
        self.shared.settling.store(true, Ordering::Relaxed);
        let deadline = tokio::time::Instant::now() + settle_max(&self.shared.options, &self.shared.facts);
        let mut ticks = tokio::time::interval(TICK);
        while tokio::time::Instant::now() < deadline && !self.lanes.is_empty() {
            ticks.tick().await;
            self.tick(Stage::Settling);
            if self.ticks.is_multiple_of(ASK_WAITERS_TICKS) {
                self.ask_waiters();
            }
            match round(self.shared.view.counts()) {
                Round::SoldOut => return,
                // Every other tick: what was asked for in the last one shows on the map by then.
                Round::Sell(count) if self.ticks.is_multiple_of(2) => self.sell_some(count),
                Round::Sell(_) | Round::Wait => {}
            }
        }
    }

    fn sell_some(&mut self, count: u32) {
        let lanes = self.inboxes.len() as u32;
        for (index, inbox) in self.inboxes.iter().enumerate() {
            // Another lane begins each time, so that a single seat is not always asked for by the same buyers.
            let turn = (index as u32 + self.ticks as u32 / 2) % lanes;
            let share = count / lanes + u32::from(turn < count % lanes);
            if share > 0 {
                let _ = inbox.try_send(Input::Sell(share));
            }
        }
    }

    /// Asks about seats that may be on offer without our knowing: after a refund, or a lapse that nobody saw.
    fn ask_waiters(&self) {
        for seat in (0..self.shared.facts.capacity()).map(Seat) {
            if self.shared.view.is_held(seat) {
                let _ = self.shared.desk.try_send(News::Freed(seat));
            }
        }
    }

    async fn close_lanes(&mut self) -> (Ledger, bool) {
        self.shared.finish.store(true, Ordering::Relaxed);
        let mut ledger = Ledger::default();
        let mut gave_up = false;
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                ended = self.lanes.join_next() => match ended {
                    Some(Ok(result)) => {
                        ledger.merge(result.ledger);
                        gave_up |= result.gave_up;
                    }
                    // A lane that panicked took its ledger with it; the check would accuse the server of it.
                    Some(Err(error)) => {
                        eprintln!("rush: a lane failed: {error}");
                        gave_up = true;
                    }
                    None => break,
                },
                _ = ticks.tick() => self.tick(Stage::Settling),
            }
        }
        self.background.abort_all();
        (ledger, gave_up)
    }

    async fn finish(
        mut self,
        ledger: &Ledger,
        gave_up: bool,
        interrupted: bool,
        settle_s: f64,
    ) -> anyhow::Result<Outcome> {
        let elapsed = self.elapsed();
        self.tick(Stage::Checking);
        let Checked { findings, seats, ledgers, error } = self.check(ledger).await;
        let (points, point_length) = self.series.finish(elapsed, self.shared.view.counts());
        let mut stats = Stats::default();
        self.stats.iter().for_each(|lane| stats.add(&lane.lock()));
        let report = build(Inputs {
            shared: &self.shared,
            ledger,
            stats: &stats,
            findings: &findings,
            check_error: error,
            ledgers,
            seats,
            points,
            point_length,
            elapsed,
            settle_s,
            sold_out_at: self.sold_out_at,
            started_unix_ms: self.started_unix_ms,
            interrupted,
            gave_up,
        });
        Ok(Outcome { sold_out: report.seats.sold_out, report, violations: findings.violations })
    }

    async fn check(&self, ledger: &Ledger) -> Checked {
        let shared = &self.shared;
        let unchecked = |error| Checked {
            findings: Findings::default(),
            seats: shared.view.counts(),
            ledgers: None,
            error,
        };
        if !shared.options.check {
            return unchecked(None);
        }
        let reader = Reader {
            wire: &self.wire,
            names: &shared.names,
            clock: shared.clock,
            patience: shared.options.patience,
            toss_sim: shared.options.toss_sim.as_deref(),
            before: &self.before,
        };
        match reader.read(ledger).await {
            Ok(state) => {
                let rules = Rules {
                    prices: shared.facts.prices.clone(),
                    memory_ack: shared.facts.memory_ack(),
                    seats_per_buyer_max: shared.facts.seats_per_buyer_max(),
                };
                let name_of = |buyer| shared.names.buyer(buyer);
                let evidence = Evidence { ledger, state: &state, rules: &rules, name_of: &name_of };
                Checked {
                    findings: check(&evidence),
                    seats: state.counts,
                    ledgers: Ledgers::of(&state.orders, state.others.as_ref()),
                    error: None,
                }
            }
            Err(error) => unchecked(Some(format!("{error:#}"))),
        }
    }

    fn elapsed(&self) -> Duration {
        self.shared.clock.now().since(self.shared.opening)
    }

    fn tick(&mut self, stage: Stage) {
        self.ticks += 1;
        let mut interval = Interval::default();
        let (mut sent, mut answers, mut ok) = (0, 0, 0);
        for lane in &self.stats {
            let mut lane = lane.lock();
            lane.take_interval(&mut interval);
            sent += lane.sent;
            answers += lane.answers();
            ok += lane.count(Ended::Ok);
        }
        let seats = self.shared.view.counts();
        let elapsed = self.elapsed();
        if self.sold_out_at.is_none() && seats.sold > 0 && seats.sold + seats.blocked == seats.total() {
            self.sold_out_at = Some(elapsed);
        }
        self.progress.on_progress(&Update {
            stage,
            elapsed,
            planned: self.shared.curve.requests(),
            sent,
            answers,
            ok,
            rate: interval.answers() as f64 / TICK.as_secs_f64(),
            p99_ms: interval.latency.quantile_ms(0.99),
            seats,
        });
        if !elapsed.is_zero() {
            self.series.add(elapsed, &mut interval, seats);
        }
    }
}

/// What the check from outside came to.
struct Checked {
    findings: Findings,
    seats: Counts,
    ledgers: Option<Ledgers>,
    error: Option<String>,
}

/// What the lanes share, and the inbox of the desk.
fn share(
    options: Options,
    facts: house::Facts,
    run: u64,
) -> anyhow::Result<(Arc<Shared>, mpsc::Receiver<News>)> {
    let seats = u64::from(options.seats.unwrap_or(facts.capacity()));
    let buyers = options.buyers.map_or(seats * BUYERS_PER_SEAT, u64::from).max(options.sessions as u64);
    ensure!(buyers <= BUYERS_MAX, "--buyers: {buyers} are more than {BUYERS_MAX}");
    let requests = (buyers as f64 * options.tries).round() as u64;
    ensure!(requests <= REQUESTS_MAX, "--tries: {requests} requests are more than {REQUESTS_MAX}");
    let members = (buyers as f64 * options.vip_share).round() as u32;
    let now_ms = unix_ms();
    let (open_ms, presale_end_ms) = facts.opening(now_ms).context("--performance: its sale is over")?;
    let wait = Duration::from_millis(open_ms - now_ms).max(CONNECT_TIME);
    ensure!(
        wait <= OPENING_WAIT_MAX,
        "--performance: its sale opens in {wait:?}, later than {OPENING_WAIT_MAX:?}"
    );
    let clock = Clock::start();
    let after = |ms: u64| clock.now().after(Duration::from_millis(ms.saturating_sub(now_ms)));
    let (desk, desk_inbox) = mpsc::channel(DESK_INBOX_MAX);
    let shared = Shared {
        names: Names::new(facts.performance.name.clone(), run, members, facts.grade.clone()),
        curve: Curve::new(
            requests,
            options.compressed(options.duration),
            options.compressed(options.burst),
            options.burst_share,
        ),
        view: View::new(facts.capacity()),
        opening: clock.now().after(wait),
        presale_end: presale_end_ms.map_or(Moment::default(), after),
        buyers: buyers as u32,
        members,
        stop: AtomicBool::new(false),
        settling: AtomicBool::new(false),
        finish: AtomicBool::new(false),
        lanes_done: AtomicUsize::new(0),
        desk,
        clock,
        facts,
        options,
    };
    Ok((Arc::new(shared), desk_inbox))
}
