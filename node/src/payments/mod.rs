//! Payments: carries orders that are being paid to a definite end.
//!
//! ```text
//!  PayHold ──► shard: BeginPayment, committed ──► settle ──► provider confirms ──► shard: ConfirmPayment, committed ──► reply
//!                                                   │  unknown: ask until definite
//!  activation: every PAYING order ──────────────────┘  declined ──► shard: DeclinePayment, committed ──► reply
//!
//!  webhook, reconciliation ──► review: the order beside the provider's record ──► the settlement, CaptureLate, RevertDeposit
//! ```
//!
//! Invariants: the provider is called only after the order is durable, and an actor never waits for it. There is one
//! settlement of an order at a time in a node; whoever asks for another joins it.

mod accounts;
mod compare;
mod confirming;
mod deposit;
mod gateway;
mod late;
mod matching;
mod off;
mod outage;
mod outcome;
mod provider;
pub mod reconcile;
mod reference;
mod refunding;
mod returning;
mod review;
mod settlement;
mod shards;
mod toss;
mod twins;
mod under_way;
pub mod webhooks;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use earlybird_engine::{OrderId, RefundId};
use earlybird_persistence::{PerformanceId, Store};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

pub use compare::{Difference, DifferenceKind};
pub use gateway::{
    CancelRecord, CancelState, Cancellation, Charge, Confirmation, Deposit, Direction, GatewayError,
    PaymentGateway, PaymentName, PaymentRecord, PaymentState, Transaction, Window,
};
pub use off::OffGateway;
pub use provider::Provider;
pub use reference::{order_reference, order_reference_prefix};
pub use toss::{TossError, TossGateway, TossOptions};

use crate::clock::Clock;
use crate::coupons::Coupons;
use crate::directory::Directory;
use crate::shard::Shard;
use outage::Outage;
use under_way::{Stage, Task, UnderWay};

/// Bounds of the payments under way.
#[derive(Clone, Debug)]
pub struct PaymentsOptions {
    /// Who moves the money.
    pub provider: Provider,
    /// Calls to the provider at a time; more wait.
    pub concurrency_max: usize,
    /// First pause before the provider is asked again, doubled up to 30 s.
    pub retry_after: Duration,
    /// How often the orders are compared with the provider's books.
    pub reconcile_every: Duration,
    /// Refunds that the cancellation of a performance begins in a second at most.
    pub cancellation_refunds_per_second_max: usize,
}

impl Default for PaymentsOptions {
    fn default() -> Self {
        Self {
            provider: Provider::Off,
            concurrency_max: 1_024,
            retry_after: Duration::from_millis(200),
            reconcile_every: Duration::from_secs(3_600),
            cancellation_refunds_per_second_max: 50,
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
    /// The buyer was given an account to pay into.
    AwaitingDeposit,
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
    /// It waits for somebody to name an account that the money can go to.
    AccountNeeded,
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

/// The settlements of a node.
pub struct Payments {
    gateway: Arc<dyn PaymentGateway>,
    options: PaymentsOptions,
    permits: Semaphore,
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    coupons: Arc<Coupons>,
    under_way: Arc<UnderWay>,
    /// Orders whose refunds wait for somebody to name an account.
    awaiting_accounts: Mutex<HashSet<(PerformanceId, OrderId)>>,
    outage: Outage,
    /// The directory owns nothing of this; set once the node is wired.
    directory: OnceLock<Weak<Directory>>,
}

impl Payments {
    /// Payments through `gateway`.
    #[must_use]
    pub fn new(
        gateway: Arc<dyn PaymentGateway>,
        options: PaymentsOptions,
        store: Arc<dyn Store>,
        clock: Arc<Clock>,
        coupons: Arc<Coupons>,
    ) -> Arc<Self> {
        Arc::new(Self {
            gateway,
            permits: Semaphore::new(options.concurrency_max.max(1)),
            options,
            store,
            clock,
            coupons,
            under_way: Arc::default(),
            awaiting_accounts: Mutex::default(),
            outage: Outage::default(),
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
        outcome::payment_outcome(&shard, order)
    }

    /// Waits for a refund to be definite, and sees to it that it becomes so. Call it once the refund is durable.
    pub async fn refund(self: &Arc<Self>, shard: &Arc<Shard>, refund: RefundId) -> RefundSettled {
        self.join(Task::Refund(shard.performance().id.clone(), refund)).await;
        let Some(shard) = self.current(shard).await else { return RefundSettled::Unknown };
        let order = shard.read(|state| state.refund(refund).map(|refund| refund.order));
        let waits = order.is_some_and(|order| self.awaits_account(&shard.performance().id, order));
        match outcome::refund_outcome(&shard, refund) {
            RefundSettled::Unknown if waits => RefundSettled::AccountNeeded,
            settled => settled,
        }
    }

    /// Lets payments of a performance that wait for deposits look whether it still takes place.
    pub(crate) fn wake_deposits(&self, performance: &PerformanceId) {
        self.under_way.nudge_parked(performance);
    }

    /// Takes up what a shard's journal says is under way: called at every activation. What an earlier run has begun may be
    /// done at the provider, so it is asked first.
    pub(crate) fn resume(self: &Arc<Self>, shard: &Arc<Shard>) {
        let id = &shard.performance().id;
        let (orders, refunds): (Vec<_>, Vec<_>) = shard.read(|state| {
            let orders = state.paying_orders().map(|order| order.order).collect();
            let refunds = state.pending_refunds().map(|refund| refund.refund).collect();
            (orders, refunds)
        });
        for order in orders {
            self.start(Task::Payment(id.clone(), order), true);
        }
        for refund in refunds {
            self.start(Task::Refund(id.clone(), refund), true);
        }
    }

    /// Brings what was begun to its end, whether or not anybody waits for it. Call it once it is durable.
    pub(crate) fn begin(self: &Arc<Self>, shard: &Shard, due: Due) {
        let id = shard.performance().id.clone();
        let task = match due {
            Due::Payment(order) => Task::Payment(id, order),
            Due::Refund(refund) => Task::Refund(id, refund),
        };
        self.start(task, false);
    }

    /// Number of settlements that are being worked on.
    pub fn under_way(&self) -> usize {
        self.under_way.working()
    }

    /// For how long the oldest of them has been worked on.
    pub(crate) fn oldest_under_way(&self) -> Duration {
        self.under_way.oldest()
    }

    /// Whether payments are taken at all.
    #[must_use]
    pub fn is_off(&self) -> bool {
        matches!(self.options.provider, Provider::Off)
    }

    /// Whether the provider keeps books that orders can be compared with.
    pub(crate) fn has_books(&self) -> bool {
        matches!(self.options.provider, Provider::Toss(_))
    }

    /// Waits until the task has ended, or waits for the buyer.
    async fn join(self: &Arc<Self>, task: Task) {
        let mut stage = self.start(task, true);
        drop(stage.wait_for(|stage| *stage == Stage::Parked).await);
    }

    /// Starts a settlement unless it is under way. Runs in a task of its own, so a caller that goes away ends nothing.
    fn start(self: &Arc<Self>, task: Task, asks_first: bool) -> watch::Receiver<Stage> {
        let (stage, ticket) = self.under_way.enter(task);
        if let Some(ticket) = ticket {
            let payments = Arc::clone(self);
            tokio::spawn(async move {
                match ticket.task() {
                    Task::Payment(performance, order) => {
                        payments.run_payment(performance, *order, asks_first, &ticket).await;
                    }
                    Task::Refund(performance, refund) => {
                        let (performance, refund) = (performance.clone(), *refund);
                        let waiting = payments.run_refund(&performance, refund, asks_first, &ticket).await;
                        drop(ticket);
                        if let Some(order) = waiting {
                            payments.look_for_account(performance, refund, order).await;
                        }
                    }
                    Task::Reversion(performance, order) => {
                        payments.run_reversion(performance, *order, &ticket).await;
                    }
                    Task::Return(performance, order) => {
                        payments.run_return(performance, *order, &ticket).await;
                    }
                }
            });
        }
        stage
    }

    /// The shard of a performance as it is now: the one that was asked may have been restarted meanwhile.
    async fn current(&self, shard: &Arc<Shard>) -> Option<Arc<Shard>> {
        if shard.is_open() {
            return Some(Arc::clone(shard));
        }
        self.directory.get()?.upgrade()?.shard(&shard.performance().id).await.ok()
    }
}
