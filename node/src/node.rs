//! A node: everything wired together, without gRPC.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::Context;
use earlybird_engine::Millis;
use earlybird_persistence::{Bucket, NodeId, Store};
use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::cancellation::Cancellation;
use crate::catalog::Catalog;
use crate::clock::{Clock, RESYNCHRONISE_EVERY};
use crate::cluster::{Cluster, ClusterOptions};
use crate::coupons::Coupons;
use crate::directory::{Directory, DirectoryParts};
use crate::jobs::{JobKind, Jobs};
use crate::lane::{Committer, CommitterHooks, Lane, LaneLimits};
use crate::members::Members;
use crate::payments::reconcile::Reconciliation;
use crate::payments::webhooks::Webhooks;
use crate::payments::{Due, Payments, PaymentsOptions};
use crate::people::{People, PeopleOptions};
use crate::shard::Shard;
use crate::snapshots;
use crate::ticker::Ticker;

/// How often idle performances are looked for.
const PASSIVATE_EVERY: Duration = Duration::from_secs(1);
/// How often gauges are set.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// What a seat can be, as metrics call it.
pub(crate) const SEAT_STATES: [&str; 5] = ["free", "held", "paying", "sold", "blocked"];

/// Bounds and intervals of a node. All are limits that an operator may set; see the configuration.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Name of the node, unique in its cluster.
    pub node_id: NodeId,
    /// Its place in the cluster.
    pub cluster: ClusterOptions,
    /// Write-behind lanes. With SQLite, one.
    pub lanes: usize,
    /// Entries of one group commit.
    pub flush_entries_max: usize,
    /// Entries of a lane that wait to be durable; when full, mutations are refused.
    pub outbox_entries_max: usize,
    /// How long a reply waits for its entry to be durable.
    pub ack_timeout: Duration,
    /// Commands that wait in each of the two queues of a shard.
    pub inbox_capacity: usize,
    /// How often timers are looked at.
    pub tick: Duration,
    /// A performance without commands for so long goes to rest.
    pub passivate_after: Duration,
    /// Entries after which a new snapshot is made.
    pub snapshot_every_entries: u64,
    /// Payments.
    pub payments: PaymentsOptions,
    /// Members, coupons and jobs.
    pub people: PeopleOptions,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            node_id: NodeId::from("node-1"),
            cluster: ClusterOptions::default(),
            lanes: 1,
            flush_entries_max: 1_024,
            outbox_entries_max: 131_072,
            ack_timeout: Duration::from_secs(5),
            inbox_capacity: 65_536,
            tick: Duration::from_millis(50),
            passivate_after: Duration::from_secs(300),
            snapshot_every_entries: 50_000,
            payments: PaymentsOptions::default(),
            people: PeopleOptions::default(),
        }
    }
}

/// A running node.
pub struct Node {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<Clock>,
    /// The node among others.
    pub cluster: Arc<Cluster>,
    /// The active performances.
    pub directory: Arc<Directory>,
    /// Payments under way.
    pub payments: Arc<Payments>,
    /// What the payment provider tells without being asked.
    pub webhooks: Arc<Webhooks>,
    /// Venues and performances.
    pub catalog: Arc<Catalog>,
    /// What is known of buyers.
    pub members: Arc<Members>,
    /// Coupons and campaigns.
    pub coupons: Arc<Coupons>,
    /// Work in steps.
    pub jobs: Arc<Jobs>,
    lanes: Vec<Arc<Lane>>,
    /// How long a reply waits for its entry to be durable.
    pub(crate) ack_timeout: Duration,
    /// End with the node.
    _ticker: Ticker,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Node {
    /// Joins the cluster, claims what nobody owns and should be here, and starts to serve.
    ///
    /// # Errors
    /// When the store does not answer, or the payment provider cannot be set up.
    pub async fn start(options: NodeOptions, store: Arc<dyn Store>) -> anyhow::Result<Arc<Self>> {
        let clock = Arc::new(Clock::start(&*store).await.context("cannot read the store's clock")?);
        let cluster =
            Cluster::join(options.node_id.clone(), options.cluster.clone(), Arc::clone(&store)).await?;
        let gateway = options.payments.provider.open()?;
        let coupons = Coupons::new(Arc::clone(&store), Arc::clone(&clock), options.people.claims_waiting_max);
        let payments = Payments::new(
            gateway,
            options.payments.clone(),
            Arc::clone(&store),
            Arc::clone(&clock),
            Arc::clone(&coupons),
        );
        let catalog = Arc::new(Catalog::new(Arc::clone(&store)));
        let limits = LaneLimits {
            flush_entries_max: options.flush_entries_max,
            outbox_entries_max: options.outbox_entries_max,
            ack_timeout: options.ack_timeout,
        };
        let lanes: Vec<Arc<Lane>> = (0..options.lanes.max(1)).map(|_| Arc::new(Lane::new(limits))).collect();
        let directory = Directory::new(DirectoryParts {
            store: Arc::clone(&store),
            catalog: Arc::clone(&catalog),
            clock: Arc::clone(&clock),
            payments: Arc::clone(&payments),
            lanes: lanes.clone(),
            lease: cluster.lease(),
            inbox_capacity: options.inbox_capacity,
            passivate_after: Millis(u64::try_from(options.passivate_after.as_millis()).unwrap_or(u64::MAX)),
        });
        payments.wire(&directory);
        let ticker = Ticker::start(options.tick, {
            let (clock, directory) = (Arc::clone(&clock), Arc::clone(&directory));
            move || directory.tick(clock.now())
        })
        .context("cannot start the ticker")?;
        let (snapshot_asker, snapshots_asked) = mpsc::channel(snapshots::WAITING_MAX);
        snapshots::start(Arc::clone(&store), Arc::clone(&clock), snapshots_asked)
            .context("cannot start the thread for snapshots")?;
        cluster.own(&directory).await?;
        let mut tasks = spawn_tasks(&options, &store, &clock, &directory, &payments, &lanes, snapshot_asker);
        for task in [
            Arc::clone(&cluster).keep().boxed(),
            Arc::clone(&cluster).follow().boxed(),
            Arc::clone(&cluster).bury().boxed(),
            Arc::clone(&cluster).balance().boxed(),
        ] {
            tasks.push(AbortOnDropHandle::new(tokio::spawn(vital(task))));
        }
        // Looking up names may take longer than a lease.
        cluster.gossip().await?;
        let webhooks =
            Webhooks::new(Arc::clone(&store), Arc::clone(&clock), &directory, Arc::clone(&payments));
        tasks.push(AbortOnDropHandle::new(tokio::spawn(vital(Arc::clone(&webhooks).run()))));
        let kinds = job_kinds(&options.payments, &store, &directory, &payments);
        let people = People::new(options.node_id, &store, &clock, coupons, &options.people, kinds);
        tasks.extend(people.tasks().map(|task| AbortOnDropHandle::new(tokio::spawn(vital(task)))));
        let People { members, coupons, jobs } = people;
        Ok(Arc::new(Self {
            store,
            clock,
            cluster,
            directory,
            payments,
            webhooks,
            catalog,
            members,
            coupons,
            jobs,
            lanes,
            ack_timeout: options.ack_timeout,
            _ticker: ticker,
            _tasks: tasks,
        }))
    }

    /// Whether a lane waits for the store.
    #[must_use]
    pub fn is_store_failing(&self) -> bool {
        self.lanes.iter().any(|lane| lane.is_failing())
    }

    /// Admits nothing new, makes durable and answers what was decided, and closes the store.
    pub async fn drain(&self) {
        self.jobs.drain().await;
        self.directory.drain().await;
        self.cluster.leave().await;
        self.store.close().await;
    }
}

/// Jobs that have to do with money.
fn job_kinds(
    options: &PaymentsOptions,
    store: &Arc<dyn Store>,
    directory: &Arc<Directory>,
    payments: &Arc<Payments>,
) -> Vec<Arc<dyn JobKind>> {
    let reconciliation = Reconciliation::new(Arc::clone(payments), options.reconcile_every);
    let cancellation = Cancellation {
        directory: Arc::downgrade(directory),
        store: Arc::clone(store),
        payments: Arc::clone(payments),
        refunds_per_second_max: options.cancellation_refunds_per_second_max,
    };
    vec![Arc::new(reconciliation), Arc::new(cancellation)]
}

fn spawn_tasks(
    options: &NodeOptions,
    store: &Arc<dyn Store>,
    clock: &Arc<Clock>,
    directory: &Arc<Directory>,
    payments: &Arc<Payments>,
    lanes: &[Arc<Lane>],
    snapshot_asker: mpsc::Sender<Weak<Shard>>,
) -> Vec<AbortOnDropHandle<()>> {
    let hooks = Arc::new(Hooks { directory: Arc::downgrade(directory), snapshot_asker });
    let mut tasks = Vec::new();
    let mut spawn = |task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        tasks.push(AbortOnDropHandle::new(tokio::spawn(vital(task))));
    };
    for lane in lanes {
        let committer = Committer {
            lane: Arc::clone(lane),
            store: Arc::clone(store),
            hooks: Arc::clone(&hooks) as Arc<dyn CommitterHooks>,
            snapshot_every_entries: options.snapshot_every_entries,
        };
        spawn(Box::pin(committer.run()));
    }
    spawn(Box::pin(every(PASSIVATE_EVERY, {
        let (clock, directory) = (Arc::clone(clock), Arc::clone(directory));
        move || directory.passivate_idle(clock.now())
    })));
    spawn(Box::pin(every(MEASURE_EVERY, {
        let (directory, lanes, payments) = (Arc::clone(directory), lanes.to_vec(), Arc::clone(payments));
        move || measure(&directory, &lanes, &payments)
    })));
    spawn(Box::pin(resynchronise(Arc::clone(clock), Arc::clone(store))));
    tasks
}

/// Runs a task that the node cannot do without. When it panics the process ends: a node that goes on without its
/// committer would look alive and answer nobody; started again, it has everything in the store.
async fn vital(task: impl Future<Output = ()>) {
    if AssertUnwindSafe(task).catch_unwind().await.is_err() {
        tracing::error!("a task that the node cannot do without panicked; ending the process");
        std::process::abort();
    }
}

async fn every(period: Duration, mut work: impl FnMut()) {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        work();
    }
}

async fn resynchronise(clock: Arc<Clock>, store: Arc<dyn Store>) {
    loop {
        tokio::time::sleep(RESYNCHRONISE_EVERY).await;
        match clock.resynchronise(&*store).await {
            Ok(offset_ms) => metrics::gauge!("earlybird_clock_offset_seconds").set(offset_ms as f64 / 1e3),
            Err(error) => tracing::debug!(%error, "cannot read the store's clock"),
        }
    }
}

/// Sets the gauges that are sums over the node.
fn measure(directory: &Directory, lanes: &[Arc<Lane>], payments: &Payments) {
    let shards = directory.active_shards();
    metrics::gauge!("earlybird_performances_active").set(shards.len() as f64);
    metrics::gauge!("earlybird_inbox_depth")
        .set(shards.iter().map(|shard| shard.backlog()).sum::<usize>() as f64);
    metrics::gauge!("earlybird_outbox_depth")
        .set(lanes.iter().map(|lane| lane.depth()).sum::<usize>() as f64);
    metrics::gauge!("earlybird_outbox_fullness_ratio")
        .set(lanes.iter().map(|lane| lane.fullness()).fold(0.0, f64::max));
    metrics::gauge!("earlybird_inbox_fullness_ratio")
        .set(shards.iter().map(|shard| shard.inbox_fullness()).fold(0.0, f64::max));
    metrics::gauge!("earlybird_payments_under_way").set(payments.under_way() as f64);
    metrics::gauge!("earlybird_payments_oldest_seconds").set(payments.oldest_under_way().as_secs_f64());
    metrics::gauge!("earlybird_buckets_owned").set(directory.buckets_owned() as f64);
    let failing = lanes.iter().filter(|lane| lane.is_failing()).count();
    metrics::gauge!("earlybird_lanes_failing").set(failing as f64);
    let mut sums = [0_u64; 6];
    for shard in &shards {
        let counts = shard.read(|state| state.counts());
        let counts = [counts.free, counts.held, counts.paying, counts.sold, counts.blocked, counts.waiters];
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += u64::from(count));
    }
    for (state, sum) in SEAT_STATES.into_iter().zip(sums) {
        metrics::gauge!("earlybird_seats", "state" => state).set(sum as f64);
    }
    metrics::gauge!("earlybird_waiters").set(sums[5] as f64);
}

/// What the committers tell the directory and the snapshots.
struct Hooks {
    directory: Weak<Directory>,
    snapshot_asker: mpsc::Sender<Weak<Shard>>,
}

impl CommitterHooks for Hooks {
    fn buckets_lost(&self, buckets: &[Bucket]) {
        if let Some(directory) = self.directory.upgrade() {
            directory.buckets_lost(buckets, None);
        }
    }

    fn settlement_due(&self, shard: &Arc<Shard>, due: Due) {
        if let Some(directory) = self.directory.upgrade() {
            directory.settlement_due(shard, due);
        }
    }

    fn shard_void(&self, shard: &Arc<Shard>) {
        if let Some(directory) = self.directory.upgrade() {
            directory.reactivate(shard);
        }
    }

    fn snapshot_due(&self, shard: &Arc<Shard>) {
        // When too many wait, the shard asks again after its next entries.
        drop(self.snapshot_asker.try_send(Arc::downgrade(shard)));
    }
}
