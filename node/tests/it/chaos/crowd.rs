//! Buyers who hold and release over unary calls, each call awaited, and who remember what they were told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use earlybird_proto::v1::Hold;
use futures::{StreamExt as _, stream};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use super::eventually;
use super::house::{Client, reason};

/// Longest that a buyer waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// One hold of so many is kept; the others are released at once, so that the seats last.
const KEPT_EVERY: usize = 16;
/// A pause after a call that failed, as a client makes.
const PAUSE: Duration = Duration::from_millis(20);

/// A hold that was acknowledged, and never given back.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) hold: String,
    pub(crate) buyer: String,
    pub(crate) seat: u32,
}

/// What a crowd was told.
#[derive(Default)]
pub(crate) struct Done {
    /// Holds that must be there.
    pub(crate) acknowledged: Vec<Kept>,
    /// Holds and releases that were acknowledged.
    pub(crate) changes: usize,
    /// Errors of the API, by reason.
    pub(crate) refused: BTreeMap<String, usize>,
    /// When calls began whose connection was cut before an answer came, and what was said of it.
    pub(crate) cut: Vec<(Instant, String)>,
}

impl Done {
    /// How often a reason was given.
    pub(crate) fn refused(&self, reason: &str) -> usize {
        self.refused.get(reason).copied().unwrap_or_default()
    }

    fn add(&mut self, other: Done) {
        self.acknowledged.extend(other.acknowledged);
        self.changes += other.changes;
        for (reason, times) in other.refused {
            *self.refused.entry(reason).or_default() += times;
        }
        self.cut.extend(other.cut);
    }
}

/// What the buyers of a crowd share.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    kept: AtomicUsize,
}

/// Buyers at work.
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    buyers: JoinSet<Done>,
}

impl Crowd {
    /// So many buyers begin to hold the seats `0..seats` of a performance; each tries seats of its own.
    pub(crate) fn gather(endpoint: &str, performance: &str, seats: u32, buyers: u32) -> Self {
        let shared = Arc::new(Shared::default());
        let mut crowd = JoinSet::new();
        for number in 0..buyers {
            let buyer = Buyer {
                client: Client::of(endpoint),
                performance: performance.to_owned(),
                name: format!("buyer-{number}"),
                shared: Arc::clone(&shared),
                done: Done::default(),
            };
            crowd.spawn(buyer.run((number..seats).step_by(buyers as usize).collect()));
        }
        Self { shared, buyers: crowd }
    }

    /// Waits until so many holds are kept.
    pub(crate) async fn until_acknowledged(&self, kept: usize) {
        let enough = async || (self.acknowledged() >= kept).then_some(());
        eventually("so many holds are acknowledged", enough).await;
    }

    /// Holds kept so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.kept.load(Ordering::Relaxed)
    }

    /// Lets every buyer finish the call under way, and returns what they were told.
    pub(crate) async fn disperse(mut self) -> Done {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut done = Done::default();
        while let Some(buyer) = self.buyers.join_next().await {
            done.add(buyer.expect("a buyer does not panic"));
        }
        done
    }
}

struct Buyer {
    client: Client,
    performance: String,
    name: String,
    shared: Arc<Shared>,
    done: Done,
}

impl Buyer {
    async fn run(mut self, mut seats: Vec<u32>) -> Done {
        let all = seats.clone();
        let mut holds: usize = 0;
        for turn in 0.. {
            if self.shared.stop.load(Ordering::Relaxed) {
                break;
            }
            // When all seats are taken, the buyer goes on to ask for them.
            let seat = seats.last().copied().unwrap_or_else(|| all[turn % all.len()]);
            let began = Instant::now();
            let held = self.client.hold(&self.performance, &self.name, &[seat], TIMEOUT).await;
            holds += usize::from(held.is_ok());
            match held {
                // By the holds and not by the turns: those may meet the same seats each time around.
                Ok(hold) if holds % KEPT_EVERY == 1 => {
                    seats.pop();
                    self.keep(hold, seat);
                }
                Ok(hold) => {
                    self.done.changes += 1;
                    // A seat whose release has no answer may still be held.
                    if !self.release(hold).await {
                        seats.pop();
                    }
                }
                Err(status) => {
                    seats.pop();
                    self.failed(began, &status).await;
                }
            }
        }
        self.done
    }

    fn keep(&mut self, hold: Hold, seat: u32) {
        self.done.changes += 1;
        self.done.acknowledged.push(Kept { hold: hold.name, buyer: self.name.clone(), seat });
        self.shared.kept.fetch_add(1, Ordering::Relaxed);
    }

    async fn release(&mut self, hold: Hold) -> bool {
        let began = Instant::now();
        let released = self.client.release(hold.name, &self.name).await;
        match &released {
            Ok(_) => self.done.changes += 1,
            Err(status) => self.failed(began, status).await,
        }
        released.is_ok()
    }

    async fn failed(&mut self, began: Instant, status: &Status) {
        let reason = reason(status);
        if reason.contains(':') {
            self.done.cut.push((began, reason));
        } else {
            *self.done.refused.entry(reason).or_default() += 1;
        }
        if status.code() != Code::Aborted {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Each of these holds must be there, as it was acknowledged.
pub(crate) async fn assert_held(endpoint: &str, holds: &[Kept]) {
    let client = Client::of(endpoint);
    let look = |kept: Kept| {
        let client = client.clone();
        async move { (client.get_hold(&kept.hold, &kept.buyer).await, kept) }
    };
    let mut looks = stream::iter(holds.iter().cloned().map(look)).buffer_unordered(32);
    while let Some((found, kept)) = looks.next().await {
        let found = found.unwrap_or_else(|status| panic!("{kept:?} is lost: {status:?}"));
        assert_eq!(found.seats, [kept.seat], "{kept:?}");
    }
}
