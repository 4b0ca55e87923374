//! What is being settled now: at most once each in a node, and whoever asks for it again joins.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use earlybird_engine::{OrderId, RefundId};
use earlybird_persistence::PerformanceId;
use futures::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

/// Something to bring to its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Task {
    /// The payment of an order.
    Payment(PerformanceId, OrderId),
    /// A refund.
    Refund(PerformanceId, RefundId),
    /// The order of a deposit that the bank took back.
    Reversion(PerformanceId, OrderId),
    /// Money that was captured for a declined order, in another sum than its own.
    Return(PerformanceId, OrderId),
}

impl Task {
    /// Whose it is.
    pub(super) fn performance(&self) -> &PerformanceId {
        let (Self::Payment(performance, _)
        | Self::Refund(performance, _)
        | Self::Reversion(performance, _)
        | Self::Return(performance, _)) = self;
        performance
    }
}

/// How far a settlement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The provider is being asked.
    Working,
    /// It is the buyer's turn, for hours or days: nobody waits for that.
    Parked,
}

struct Running {
    stage: watch::Receiver<Stage>,
    /// When it came to that stage.
    since: Instant,
    nudge: Arc<Notify>,
}

/// The settlements under way.
#[derive(Default)]
pub(super) struct UnderWay {
    running: Mutex<HashMap<Task, Running>>,
}

/// The right to work on a task. When it is dropped, however that comes, the task is under way no more.
pub(super) struct Ticket {
    under_way: Arc<UnderWay>,
    task: Task,
    stage: watch::Sender<Stage>,
    nudge: Arc<Notify>,
}

impl UnderWay {
    /// Joins the task if it is under way; else the one who asks gets the ticket to work on it.
    pub(super) fn enter(self: &Arc<Self>, task: Task) -> (watch::Receiver<Stage>, Option<Ticket>) {
        let mut running = self.running.lock();
        if let Some(running) = running.get(&task) {
            return (running.stage.clone(), None);
        }
        let (sender, stage) = watch::channel(Stage::Working);
        let nudge = Arc::new(Notify::new());
        let entered = Running { stage: stage.clone(), since: Instant::now(), nudge: Arc::clone(&nudge) };
        running.insert(task.clone(), entered);
        (stage, Some(Ticket { under_way: Arc::clone(self), task, stage: sender, nudge }))
    }

    /// Lets a task that waits look again now. Returns whether it is under way.
    pub(super) fn nudge(&self, task: &Task) -> bool {
        let running = self.running.lock();
        let found = running.get(task);
        if let Some(running) = found {
            running.nudge.notify_one();
        }
        found.is_some()
    }

    /// Lets every payment of a performance that waits for its buyer look again now.
    pub(super) fn nudge_parked(&self, performance: &PerformanceId) {
        for (task, running) in self.running.lock().iter() {
            let is_of = matches!(task, Task::Payment(of, _) if of == performance);
            if is_of && *running.stage.borrow() == Stage::Parked {
                running.nudge.notify_one();
            }
        }
    }

    /// How many are being worked on; those that wait for a buyer do not count.
    pub(super) fn working(&self) -> usize {
        self.running.lock().values().filter(|running| running.is_worked_on()).count()
    }

    /// For how long the one has been worked on that has been for longest; nothing when there is none.
    pub(super) fn oldest(&self) -> Duration {
        let running = self.running.lock();
        let since = running.values().filter(|running| running.is_worked_on()).map(|running| running.since);
        since.min().map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Running {
    fn is_worked_on(&self) -> bool {
        *self.stage.borrow() == Stage::Working
    }
}

impl Ticket {
    pub(super) fn task(&self) -> &Task {
        &self.task
    }

    /// From here on it is the buyer's turn, or ours again.
    pub(super) fn set_stage(&self, stage: Stage) {
        let before = self.stage.send_replace(stage);
        if before != stage
            && let Some(running) = self.under_way.running.lock().get_mut(&self.task)
        {
            running.since = Instant::now();
        }
    }

    /// Whether somebody had news since the last pause.
    pub(super) fn has_news(&self) -> bool {
        self.nudge.notified().now_or_never().is_some()
    }

    /// Waits for so long, or until somebody has news.
    pub(super) async fn pause(&self, span: std::time::Duration) {
        drop(tokio::time::timeout(span, self.nudge.notified()).await);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.under_way.running.lock().remove(&self.task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_worked_on_once_and_ends_with_its_ticket() {
        let under_way = Arc::new(UnderWay::default());
        let task = Task::Payment(PerformanceId::from("carmen"), OrderId(1));
        let (_, ticket) = under_way.enter(task.clone());
        let ticket = ticket.expect("the first works on it");
        let (stage, second) = under_way.enter(task.clone());
        assert!(second.is_none() && under_way.working() == 1 && under_way.oldest() > Duration::ZERO);
        ticket.set_stage(Stage::Parked);
        assert!(under_way.nudge(&task) && under_way.working() == 0 && under_way.oldest() == Duration::ZERO);
        assert_eq!(*stage.borrow(), Stage::Parked);
        drop(ticket);
        assert!(stage.has_changed().is_err() && !under_way.nudge(&task));
        assert!(under_way.enter(task).1.is_some());
    }
}
