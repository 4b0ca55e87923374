//! As fast as it goes, with a fixed number of commands in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rush::connect::Dialer;
use rush::session::SessionClient;

use super::{Answered, Script, Tally};

/// Replies taken at a time, so that sending goes on.
const REPLIES_PER_WAKE_MAX: usize = 512;
/// How long the last replies may take.
const LAST_REPLIES_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a run is.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Not counted: connections, caches and congestion windows settle.
    pub warm_up: Duration,
    /// Counted.
    pub measured: Duration,
}

/// What the sessions have counted so far.
#[derive(Default)]
struct Shared {
    accepted: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    stop: AtomicBool,
}

impl Shared {
    fn add(&self, tally: Tally) {
        self.accepted.fetch_add(tally.accepted, Ordering::Relaxed);
        self.rejected.fetch_add(tally.rejected, Ordering::Relaxed);
        self.failed.fetch_add(tally.failed, Ordering::Relaxed);
    }

    fn read(&self) -> Tally {
        Tally {
            accepted: self.accepted.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

/// Drives one session for each script, each on a connection of its own, with `in_flight` commands in flight each.
/// Returns the answers a second of the measured time, what they were, and the scripts for a next run.
///
/// # Errors
/// When a session is lost, or answers fail that should not.
pub async fn closed<S: Script>(
    dialer: &Dialer,
    scripts: Vec<S>,
    in_flight: usize,
    span: Span,
) -> anyhow::Result<(f64, Tally, Vec<S>)> {
    let shared = Arc::new(Shared::default());
    let mut sessions = tokio::task::JoinSet::new();
    for (number, script) in scripts.into_iter().enumerate() {
        let session = SessionClient::open(&dialer.channel(number)).await.context("cannot open a session")?;
        sessions.spawn(drive(session, script, in_flight, Arc::clone(&shared)));
    }
    tokio::time::sleep(span.warm_up).await;
    let (before, since) = (shared.read(), Instant::now());
    tokio::time::sleep(span.measured).await;
    let (tally, took) = (shared.read().less(&before), since.elapsed());
    shared.stop.store(true, Ordering::Relaxed);
    let mut scripts = Vec::new();
    while let Some(script) = sessions.join_next().await {
        scripts.push(script??);
    }
    ensure!(tally.all() > 0, "no command was answered");
    ensure!(tally.failed * 1_000 <= tally.all(), "too many commands failed: {tally:?}");
    Ok((tally.all() as f64 / took.as_secs_f64(), tally, scripts))
}

async fn drive<S: Script>(
    mut session: SessionClient,
    mut script: S,
    in_flight_max: usize,
    shared: Arc<Shared>,
) -> anyhow::Result<S> {
    let mut in_flight = 0;
    loop {
        while in_flight < in_flight_max
            && let Some(request) = script.next()
        {
            session.push(request);
            in_flight += 1;
        }
        session.flush();
        in_flight -= take(&mut session, &mut script, &shared).await?;
        if shared.stop.load(Ordering::Relaxed) {
            break;
        }
    }
    // Whatever is in flight is answered, so that the script knows what it holds.
    while in_flight > 0 {
        let taken = tokio::time::timeout(LAST_REPLIES_TIMEOUT, take(&mut session, &mut script, &shared));
        in_flight -= taken.await.context("commands were not answered")??;
    }
    Ok(script)
}

async fn take<S: Script>(
    session: &mut SessionClient,
    script: &mut S,
    shared: &Shared,
) -> anyhow::Result<usize> {
    let mut tally = Tally::default();
    let mut failure = None;
    let received = session.receive(REPLIES_PER_WAKE_MAX, |response| {
        let kept = failure.is_none().then(|| response.clone());
        let answered = script.answered(response);
        tally.count(answered);
        if answered == Answered::Failed {
            failure = failure.take().or(kept);
        }
    });
    received.await.context("a session was lost")?;
    if let Some(failure) = failure {
        eprintln!("    a command failed: {:?}", failure.result);
    }
    shared.add(tally);
    Ok(tally.all() as usize)
}
