//! Payments: carries orders that are being paid to a definite end.
//!
//! ```text
//!  PayHold ──► shard: BeginPayment, committed ──► settle ──► provider confirms ──► shard: ConfirmPayment, committed ──► reply
//!                                                   │  unknown: ask until definite
//!  activation: every PAYING order ──────────────────┘  declined ──► shard: DeclinePayment, committed ──► reply
//! ```
//!
//! Invariants: the provider is called only after the order is durable, and an actor never waits for it. There is one
//! settlement of an order at a time in a node; whoever asks for another joins it.

mod gateway;
mod in_process;
mod settlement;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use earlybird_engine::{OrderId, RefundId};
use earlybird_persistence::PerformanceId;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

pub use gateway::{
    CancelRecord, Cancellation, Charge, Confirmation, Deposit, Direction, GatewayError, PaymentGateway,
    PaymentRecord, PaymentState, Transaction, Window,
};
pub use in_process::InProcessGateway;

use crate::directory::Directory;
use crate::shard::Shard;

/// Bounds of the payments under way.
#[derive(Clone, Copy, Debug)]
pub struct PaymentsOptions {
    /// Calls to the provider at a time; more wait.
    pub concurrency_max: usize,
    /// First pause before the provider is asked again, doubled up to 30 s.
    pub retry_after: Duration,
    /// Answer time of the in-process provider.
    pub in_process_latency: Duration,
}

impl Default for PaymentsOptions {
    fn default() -> Self {
        Self {
            concurrency_max: 1_024,
            retry_after: Duration::from_millis(200),
            in_process_latency: Duration::from_millis(50),
        }
    }
}

/// What a payment came to, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Paid; the seats are sold.
    Paid,
    /// Declined, with the provider's reason.
    Declined {
        /// The provider's reason.
        reason: String,
    },
    /// Not known yet; the node keeps asking.
    Unknown,
}

/// What a refund came to, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundSettled {
    /// Paid back; the seats are free.
    Refunded,
    /// Refused for good, with the provider's reason.
    Failed {
        /// The provider's reason.
        reason: String,
    },
    /// Not known yet; the node keeps trying.
    Unknown,
}

/// Something that was begun, durably, and must be brought to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The payment of an order.
    Payment(OrderId),
    /// A refund.
    Refund(RefundId),
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Task {
    Payment(PerformanceId, OrderId),
    Refund(PerformanceId, RefundId),
}

/// What is under way, each with a channel that closes at its end.
type UnderWay = HashMap<Task, watch::Receiver<()>>;

/// One settlement; when it ends, however it ends, it is under way no more.
struct Settlement {
    payments: Arc<Payments>,
    task: Task,
    _end: watch::Sender<()>,
}

impl Drop for Settlement {
    fn drop(&mut self) {
        self.payments.under_way.lock().remove(&self.task);
    }
}

/// The settlements of a node.
pub struct Payments {
    gateway: Arc<dyn PaymentGateway>,
    options: PaymentsOptions,
    permits: Semaphore,
    under_way: Mutex<UnderWay>,
    /// The directory owns nothing of this; set once the node is wired.
    directory: OnceLock<Weak<Directory>>,
}

impl Payments {
    /// Payments through `gateway`.
    #[must_use]
    pub fn new(gateway: Arc<dyn PaymentGateway>, options: PaymentsOptions) -> Arc<Self> {
        Arc::new(Self {
            gateway,
            permits: Semaphore::new(options.concurrency_max.max(1)),
            options,
            under_way: Mutex::default(),
            directory: OnceLock::new(),
        })
    }

    pub(crate) fn wire(&self, directory: &Arc<Directory>) {
        drop(self.directory.set(Arc::downgrade(directory)));
    }

    /// Waits for a payment to be definite, and sees to it that it becomes so. Call it once the order is durable.
    pub async fn settle(self: &Arc<Self>, shard: &Arc<Shard>, order: OrderId) -> Settled {
        self.join(Task::Payment(shard.performance().id.clone(), order)).await;
        let Some(shard) = self.current(shard).await else { return Settled::Unknown };
        settlement::payment_outcome(&shard, order)
    }

    /// Waits for a refund to be definite, and sees to it that it becomes so. Call it once the refund is durable.
    pub async fn refund(self: &Arc<Self>, shard: &Arc<Shard>, refund: RefundId) -> RefundSettled {
        self.join(Task::Refund(shard.performance().id.clone(), refund)).await;
        let Some(shard) = self.current(shard).await else { return RefundSettled::Unknown };
        settlement::refund_outcome(&shard, refund)
    }

    /// Takes up what a shard's journal says is under way: called at every activation.
    pub(crate) fn resume(self: &Arc<Self>, shard: &Arc<Shard>) {
        let id = &shard.performance().id;
        let (orders, refunds): (Vec<_>, Vec<_>) = shard.read(|state| {
            let orders = state.paying_orders().map(|order| order.order).collect();
            let refunds = state.pending_refunds().map(|refund| refund.refund).collect();
            (orders, refunds)
        });
        for order in orders {
            self.start(Task::Payment(id.clone(), order));
        }
        for refund in refunds {
            self.start(Task::Refund(id.clone(), refund));
        }
    }

    /// Brings what was begun to its end, whether or not anybody waits for it. Call it once it is durable.
    pub(crate) fn begin(self: &Arc<Self>, shard: &Shard, due: Due) {
        let id = shard.performance().id.clone();
        self.start(match due {
            Due::Payment(order) => Task::Payment(id, order),
            Due::Refund(refund) => Task::Refund(id, refund),
        });
    }

    /// Number of settlements under way.
    pub fn under_way(&self) -> usize {
        self.under_way.lock().len()
    }

    async fn join(self: &Arc<Self>, task: Task) {
        let mut end = self.start(task);
        // The channel carries nothing: it closes when the settlement ends.
        while end.changed().await.is_ok() {}
    }

    /// Starts a settlement unless it is under way. Runs in a task of its own, so a caller that goes away ends nothing.
    fn start(self: &Arc<Self>, task: Task) -> watch::Receiver<()> {
        let mut under_way = self.under_way.lock();
        if let Some(end) = under_way.get(&task) {
            return end.clone();
        }
        let (sender, end) = watch::channel(());
        under_way.insert(task.clone(), end.clone());
        drop(under_way);
        let settlement = Settlement { payments: Arc::clone(self), task, _end: sender };
        tokio::spawn(async move { settlement.payments.run(&settlement.task).await });
        end
    }

    async fn run(&self, task: &Task) {
        match task {
            Task::Payment(performance, order) => self.run_payment(performance, *order).await,
            Task::Refund(performance, refund) => self.run_refund(performance, *refund).await,
        }
    }

    /// The shard of a performance as it is now: the one that was asked may have been restarted meanwhile.
    async fn current(&self, shard: &Arc<Shard>) -> Option<Arc<Shard>> {
        if shard.is_open() {
            return Some(Arc::clone(shard));
        }
        self.directory.get()?.upgrade()?.shard(&shard.performance().id).await.ok()
    }
}
