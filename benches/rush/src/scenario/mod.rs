//! Loops over one kind of traffic, for benchmarks: `churn`, `reject` and `mix`.
//!
//! Closed loop without a rate: so many in flight, as fast as the server answers. Open loop with one: each command has an
//! intended moment, and its latency counts from there.

mod deck;
mod runner;

use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::clock::{Clock, unix_ms};
use crate::command::Names;
use crate::connect::Dialer;
use crate::ids::Seat;
use crate::limits::IN_FLIGHT_PER_SESSION_MAX;
use crate::onsale::house::{self, Facts};
use crate::onsale::{House, Options as OnsaleOptions};
use crate::report::KindReport;
use crate::stats::{Outcome, Stats};
use crate::transport::{Connections, Mode, Transport};
use deck::Deck;
use runner::Runner;

/// What a loop does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Traffic {
    /// Holds a seat and gives it back, for ever.
    Churn,
    /// Asks for seats that are held by somebody else.
    Reject,
    /// This share (0 to 1) of the holds is for seats that are held by somebody else; the others are given back again.
    Mix(f64),
}

impl Traffic {
    /// The share of holds that cannot succeed.
    fn reject_share(self) -> f64 {
        match self {
            Traffic::Churn => 0.0,
            Traffic::Reject => 1.0,
            Traffic::Mix(share) => share,
        }
    }
}

/// A loop.
#[derive(Clone, Debug, Serialize)]
pub struct Options {
    /// URIs of the nodes.
    pub endpoints: Vec<String>,
    /// A JWT, sent with every call.
    #[serde(skip)]
    pub token: Option<String>,
    /// What is used. A performance that exists must be free; its holds must outlive the run.
    pub house: House,
    /// What is done.
    pub traffic: Traffic,
    /// Commands a second; as fast as possible when not given.
    pub rate: Option<f64>,
    /// Commands in flight, over all sessions.
    pub in_flight: usize,
    /// Counted for so long.
    pub duration: Duration,
    /// Not counted before.
    pub warmup: Duration,
    /// Streams or calls.
    pub mode: Mode,
    /// Sessions.
    pub sessions: usize,
    /// Whether holds are acknowledged from memory, where rush makes the performance.
    pub memory_ack: bool,
}

impl Options {
    /// The defaults of the command line.
    pub fn new(endpoint: impl Into<String>, house: House, traffic: Traffic) -> Options {
        Options {
            endpoints: vec![endpoint.into()],
            token: None,
            house,
            traffic,
            rate: None,
            in_flight: 1_024,
            duration: Duration::from_secs(10),
            warmup: Duration::from_secs(1),
            mode: Mode::Session,
            sessions: 4,
            memory_ack: false,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// Names the flag of the first field that is wrong.
    pub fn validate(&self) -> anyhow::Result<()> {
        let share = self.traffic.reject_share();
        ensure!((0.0..=1.0).contains(&share), "--reject-share: {share} is not a share; 0 to 1 is accepted");
        ensure!(
            self.rate.is_none_or(|rate| rate > 0.0 && rate.is_finite()),
            "--rate: a number above 0 is needed"
        );
        ensure!(!self.duration.is_zero(), "--duration: a duration above 0 is needed, such as 10s");
        ensure!((1..=1_024).contains(&self.sessions), "--sessions: 1 to 1024 are accepted");
        let most = self.sessions * IN_FLIGHT_PER_SESSION_MAX;
        ensure!(
            (self.sessions..=most).contains(&self.in_flight),
            "--in-flight: {} is not between --sessions ({}) and {most}",
            self.in_flight,
            self.sessions
        );
        Ok(())
    }
}

/// What a loop found out.
#[derive(Clone, Debug, Serialize)]
pub struct LoopReport {
    /// What was asked for.
    pub options: Options,
    /// When counting began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// How long was counted, in seconds.
    pub duration_s: f64,
    /// Commands that were answered.
    pub answered: u64,
    /// Of them, done.
    pub ok: u64,
    /// Of them, refused as they should be.
    pub rejected: u64,
    /// Of them, failed.
    pub errors: u64,
    /// Answers a second.
    pub rate_per_s: f64,
    /// By kind of command.
    pub kinds: Vec<KindReport>,
}

/// Longer than any loop, so that no hold lapses meanwhile.
const HOLD_TTL: Duration = Duration::from_secs(3_600);

/// Runs a loop to its end.
///
/// # Errors
/// When the options are wrong, or the server cannot be reached or ends a session.
pub async fn run(options: Options) -> anyhow::Result<LoopReport> {
    options.validate()?;
    let dialer = Dialer::new(&options.endpoints, options.token.as_deref())?;
    let connections = Connections::new(&dialer, options.sessions)?;
    let (mark, _) = uuid::Uuid::new_v4().as_u64_pair();
    let facts = house::prepare(&dialer.channel(0), &preparation(&options), mark).await?;
    wait_for_opening(&facts).await?;
    let names = Names::new(facts.performance.name.clone(), mark, 0, String::new());
    let clock = Clock::start();
    let runners = (0..options.sessions).map(|index| {
        let deck = Deck::new(index, options.sessions, facts.capacity(), options.traffic.reject_share());
        let transport = Transport::new(connections.clone(), options.mode, index);
        Runner::new(&options, names.clone(), clock, deck, transport, index)
    });
    let mut prepared = Vec::with_capacity(options.sessions);
    for runner in runners {
        // One after the other: what is taken in the beginning is not measured.
        prepared.push(runner.prepare().await?);
    }
    let begin = clock.now().after(Duration::from_millis(50));
    let tasks: Vec<_> = prepared.into_iter().map(|runner| tokio::spawn(runner.run(begin))).collect();
    let mut stats = Stats::default();
    for task in tasks {
        stats.add(&task.await.context("a session failed")??);
    }
    Ok(report(options, &stats))
}

fn preparation(options: &Options) -> OnsaleOptions {
    OnsaleOptions {
        endpoints: options.endpoints.clone(),
        hold_ttl: HOLD_TTL,
        presale: Duration::ZERO,
        memory_ack: options.memory_ack,
        ..OnsaleOptions::new("", options.house.clone())
    }
}

async fn wait_for_opening(facts: &Facts) -> anyhow::Result<()> {
    let now_ms = unix_ms();
    let (open_ms, _) = facts.opening(now_ms).context("--performance: its sale is over")?;
    let wait = Duration::from_millis(open_ms - now_ms);
    ensure!(wait < Duration::from_secs(60), "--performance: its sale opens in {wait:?}");
    tokio::time::sleep(wait + Duration::from_millis(100)).await;
    Ok(())
}

fn report(options: Options, stats: &Stats) -> LoopReport {
    let duration_s = options.duration.as_secs_f64();
    LoopReport {
        started_unix_ms: unix_ms().saturating_sub(options.duration.as_millis() as u64),
        duration_s,
        answered: stats.answers(),
        ok: stats.count(Outcome::Ok),
        rejected: stats.count(Outcome::Rejected),
        errors: stats.count(Outcome::Error),
        rate_per_s: stats.answers() as f64 / duration_s,
        kinds: crate::report::kind_reports(stats),
        options,
    }
}

/// The seats of a session: every `sessions`th from `index` on.
fn seats_of(index: usize, sessions: usize, capacity: u32) -> impl Iterator<Item = Seat> {
    (index as u32..capacity).step_by(sessions).map(Seat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_value_names_its_flag() {
        let check = |change: fn(&mut Options), flag: &str| {
            let mut options = Options::new("http://127.0.0.1:1", House::Venue("v".into()), Traffic::Churn);
            assert!(options.validate().is_ok());
            change(&mut options);
            assert!(options.validate().is_err_and(|error| error.to_string().contains(flag)), "{flag}");
        };
        check(|o| o.traffic = Traffic::Mix(2.0), "--reject-share");
        check(|o| o.rate = Some(0.0), "--rate");
        check(|o| o.duration = Duration::ZERO, "--duration");
        check(|o| o.in_flight = 1, "--in-flight");
        check(|o| o.sessions = 0, "--sessions");
    }
}
