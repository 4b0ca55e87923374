//! Grades of buyers, at hand.
//!
//! ```text
//!  command without a grade, presale open ──► known? ──yes──► goes on at once
//!                                              └─no──► queue (bounded) ──► many in one statement ──► known for a minute
//! ```
//!
//! While a presale is open, most who try are no members of it. Who is none is remembered as well, so that a crowd of them
//! costs the store one look at each, and together with others.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use earlybird_engine::Grade;
use earlybird_persistence::{BuyerId, Store};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use tokio::sync::{mpsc, oneshot};

/// Grades kept at hand: some hundred bytes each.
const KNOWN_MAX: usize = 200_000;
/// How long a grade is taken for true. An import on this node is known at once, one on another node after this.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// Buyers who wait to be looked up.
const WAITING_MAX: usize = 32_768;
/// Buyers of one statement.
const ROUND_MAX: usize = 1_000;

/// Grades cannot be looked up now: too many wait, or the store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradesBusy {
    /// Too many wait.
    Overloaded,
    /// The store does not answer.
    Unavailable,
}

#[derive(Clone)]
struct Known {
    grade: Option<Grade>,
    since: Instant,
}

type Answer = Result<Option<Grade>, GradesBusy>;

struct Question {
    buyer: BuyerId,
    reply: oneshot::Sender<Answer>,
}

/// The grades.
pub(super) struct Grades {
    store: Arc<dyn Store>,
    known: Cache<BuyerId, Known>,
    /// Grows with everything that is forgotten.
    forgotten: AtomicU64,
    questions: mpsc::Sender<Question>,
    /// Taken by the one who looks them up.
    waiting: Mutex<Option<mpsc::Receiver<Question>>>,
}

impl Grades {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let (questions, waiting) = mpsc::channel(WAITING_MAX);
        let (known, forgotten) = (Cache::new(KNOWN_MAX), AtomicU64::new(0));
        Self { store, known, forgotten, questions, waiting: Mutex::new(Some(waiting)) }
    }

    /// What is known of a buyer; none if nothing is, or not for sure any more.
    pub(super) fn known(&self, buyer: &str) -> Option<Option<Grade>> {
        let known = self.known.get(buyer)?;
        (known.since.elapsed() < KNOWN_FOR).then_some(known.grade)
    }

    pub(super) async fn look_up(&self, buyer: &str) -> Answer {
        if let Some(grade) = self.known(buyer) {
            return Ok(grade);
        }
        let (reply, answer) = oneshot::channel();
        let question = Question { buyer: buyer.into(), reply };
        self.questions.try_send(question).map_err(|_| GradesBusy::Overloaded)?;
        answer.await.unwrap_or(Err(GradesBusy::Unavailable))
    }

    /// Looks these up again when they are asked for.
    pub(super) fn forget<'a>(&self, buyers: impl Iterator<Item = &'a BuyerId>) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        for buyer in buyers {
            self.known.remove(buyer);
        }
    }

    pub(super) async fn run(&self) {
        let taken = self.waiting.lock().take();
        let Some(mut waiting) = taken else { return };
        let mut round = Vec::with_capacity(ROUND_MAX);
        while waiting.recv_many(&mut round, ROUND_MAX).await > 0 {
            self.answer(std::mem::take(&mut round)).await;
        }
    }

    async fn answer(&self, round: Vec<Question>) {
        let ids: Vec<BuyerId> = round.iter().map(|question| question.buyer.clone()).collect();
        let (since, forgotten) = (Instant::now(), self.forgotten.load(Ordering::Acquire));
        let found = match self.store.grades_of(&ids).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, "cannot look up grades");
                for question in round {
                    drop(question.reply.send(Err(GradesBusy::Unavailable)));
                }
                return;
            }
        };
        let grades: HashMap<BuyerId, Option<Grade>> =
            found.into_iter().map(|(id, grade)| (id, grade.map(Grade))).collect();
        for Question { buyer, reply } in round {
            let grade = grades.get(&buyer).cloned().flatten();
            self.known.insert(buyer, Known { grade: grade.clone(), since });
            drop(reply.send(Ok(grade)));
        }
        // What was written since the look may be among them. Looked at behind the insert, as it is forgotten behind the write:
        // so one of the two sees the other.
        if self.forgotten.load(Ordering::Acquire) != forgotten {
            for id in &ids {
                self.known.remove(id);
            }
        }
    }
}
