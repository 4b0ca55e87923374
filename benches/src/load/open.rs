//! At intended moments, whatever the server does: the latency of a stall is the latency of all that it kept waiting.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;
use rush::connect::Dialer;
use rush::session::SessionClient;
use tokio::time::Instant;

use super::{Script, Tally, latencies};

const REPLIES_PER_WAKE_MAX: usize = 512;
/// How long replies may take after the last command was sent.
const LAST_REPLIES_TIMEOUT: Duration = Duration::from_secs(10);

/// What an open-loop run is.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Commands a second of all sessions together.
    pub per_second: f64,
    /// Not counted.
    pub warm_up: Duration,
    /// Counted.
    pub measured: Duration,
}

/// Drives one session for each script. Returns latencies in microseconds, each from the moment at which its command was to
/// be sent, and what the answers were.
///
/// # Errors
/// When a session is lost or does not answer.
pub async fn open<S: Script>(
    dialer: &Dialer,
    scripts: Vec<S>,
    timing: Timing,
) -> anyhow::Result<(Histogram<u64>, Tally, Vec<S>)> {
    let interval = Duration::from_secs_f64(scripts.len() as f64 / timing.per_second);
    let start = Instant::now() + Duration::from_millis(100);
    let mut lanes = tokio::task::JoinSet::new();
    let count = scripts.len() as u32;
    for (number, mut script) in (0..).zip(scripts) {
        let counted_from = start + timing.warm_up;
        let end = counted_from + timing.measured;
        script.measured(counted_from..end);
        let session = SessionClient::open(&dialer.channel(number as usize)).await?;
        let lane = Lane {
            session,
            script,
            // Sessions take turns.
            due: start + interval * number / count,
            interval,
            end,
            book: Book {
                intended: HashMap::new(),
                counted_from,
                latency: latencies()?,
                tally: Tally::default(),
            },
        };
        lanes.spawn(lane.run());
    }
    let mut latency = latencies()?;
    let mut tally = Tally::default();
    let mut scripts = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        let (of_lane, answers, script) = lane??;
        scripts.push(script);
        latency.add(&of_lane)?;
        tally.accepted += answers.accepted;
        tally.rejected += answers.rejected;
        tally.failed += answers.failed;
    }
    Ok((latency, tally, scripts))
}

struct Lane<S> {
    session: SessionClient,
    script: S,
    due: Instant,
    interval: Duration,
    end: Instant,
    book: Book,
}

/// What is in flight, and what came back.
struct Book {
    /// When each command in flight was to be sent, by tag.
    intended: HashMap<u64, Instant>,
    counted_from: Instant,
    latency: Histogram<u64>,
    tally: Tally,
}

impl<S: Script> Lane<S> {
    async fn run(mut self) -> anyhow::Result<(Histogram<u64>, Tally, S)> {
        while self.due < self.end {
            let is_silent = self.send_due();
            let idle = self.book.intended.is_empty();
            if is_silent && idle {
                // No answer will make it speak again.
                break;
            }
            tokio::select! {
                // Past its moment only when the script waits for an answer.
                () = tokio::time::sleep_until(self.due), if idle || self.due > Instant::now() => {}
                received = self.book.receive(&mut self.session, &mut self.script), if !idle => received?,
            }
        }
        let deadline = Instant::now() + LAST_REPLIES_TIMEOUT;
        while !self.book.intended.is_empty() {
            let received = self.book.receive(&mut self.session, &mut self.script);
            tokio::time::timeout_at(deadline, received).await.context("commands were not answered")??;
        }
        Ok((self.book.latency, self.book.tally, self.script))
    }

    /// Sends what is due. A command that the script cannot give yet keeps its moment: its lateness is the server's.
    /// Returns whether there was one.
    fn send_due(&mut self) -> bool {
        let now = Instant::now();
        let mut is_silent = false;
        while self.due <= now && self.due < self.end {
            let Some(request) = self.script.next() else {
                is_silent = true;
                break;
            };
            self.book.intended.insert(request.tag, self.due);
            self.session.push(request);
            self.due += self.interval;
        }
        self.session.flush();
        is_silent
    }
}

impl Book {
    async fn receive(&mut self, session: &mut SessionClient, script: &mut impl Script) -> anyhow::Result<()> {
        let received = session.receive(REPLIES_PER_WAKE_MAX, |response| {
            let tag = response.tag;
            let answered = script.answered(response);
            self.tally.count(answered);
            let Some(intended) = self.intended.remove(&tag) else { return };
            script.note(tag, intended, answered);
            if intended >= self.counted_from {
                let took = intended.elapsed().as_micros();
                self.latency.saturating_record(u64::try_from(took).unwrap_or(u64::MAX));
            }
        });
        received.await.context("a session was lost")
    }
}
