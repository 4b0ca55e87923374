//! A node on a real store, without gRPC: activation, restart, supervision, rest, bounds and the fence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use earlybird_engine::{
    Action, Answer, Audience, BuyerId, Command, HoldId, Limits, Millis, OrderId, RefundPolicy, RequestId,
    RequestStamp, SalePhase, SeatIndex, SeatStatus, Settings, Timestamp,
};
use earlybird_persistence::{
    Bucket, Fingerprint, NewPerformance, NewVenue, PerformanceId, Store, UnixMillis, VenueId,
};
use tempfile::TempDir;
use toss_sim::{Behaviour, SECRET_KEY, Simulator};

use crate::audit::audit_live;
use crate::catalog::{PerformanceSpec, import_venue};
use crate::directory::ActivateError;
use crate::node::{Node, NodeOptions};
use crate::payments::{PaymentsOptions, Provider, Settled, TossOptions, Window};
use crate::reply::{Failure, Reply, Unavailable};
use crate::shard::{Job, OfferNews, SeatMapUpdate, Shard, ShardMessage};

const CLUB: &[u8] = include_bytes!("../../venues/club.json");
pub(crate) const ARENA: &[u8] = include_bytes!("../../venues/arena.json");

/// A store in a folder of its own, with a venue, the club unless told otherwise, and performances in it.
pub(crate) struct House {
    folder: TempDir,
    pub(crate) plan: &'static [u8],
    pub(crate) limits: Limits,
    hold_ack_memory: bool,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, plan: CLUB, limits: Limits::default(), hold_ack_memory: false }
    }

    async fn open(&self) -> Arc<dyn Store> {
        let url = format!("sqlite://{}", self.folder.path().join("test.db").display());
        earlybird_persistence::open(&url).await.expect("the store opens")
    }

    /// Creates the venue, and a performance in it.
    async fn create(&self, store: &dyn Store, name: &str) -> PerformanceId {
        let venue = import_venue(self.plan).expect("the plan is a venue");
        let club = VenueId::from("club");
        let body = venue.encode().expect("a venue encodes").into();
        let row = NewVenue {
            id: club.clone(),
            request_id: earlybird_persistence::RequestId([1; 16]),
            fingerprint: Fingerprint(1),
            display_name: "Club".into(),
            body,
            created_at: UnixMillis(1),
        };
        store.create_venue(&row).await.expect("the venue is stored");
        let categories = venue.layout.0.categories.clone();
        let phase = SalePhase {
            audience: Audience::General,
            opens_at: Timestamp(0),
            closes_at: Timestamp(u64::MAX),
            waitlist_open: true,
        };
        let spec = PerformanceSpec {
            display_name: name.into(),
            start_time: None,
            settings: Settings {
                phases: vec![phase],
                limits: self.limits,
                price_minor_by_category: vec![1_000; categories.len()],
                currency: "KRW".into(),
                refunds: RefundPolicy::default(),
                deposit_ttl_ms: None,
            },
            categories,
            hold_ack_memory: self.hold_ack_memory,
            capacity: u32::try_from(venue.capacity()).expect("a small venue"),
            created_at: Timestamp(1),
        };
        let id = PerformanceId::from(name);
        let performance = NewPerformance {
            id: id.clone(),
            bucket: Bucket::new(earlybird_cluster::bucket_of(name)).expect("a bucket"),
            venue: club,
            request_id: earlybird_persistence::RequestId([2; 16]),
            fingerprint: Fingerprint(1),
            body: spec.encode().expect("a performance encodes").into(),
            created_at: UnixMillis(1),
        };
        store.create_performance(&performance).await.expect("the performance is stored");
        id
    }

    /// A node with one performance, and its shard.
    pub(crate) async fn start(&self, options: NodeOptions) -> (Arc<Node>, Arc<Shard>) {
        let store = self.open().await;
        let id = self.create(&*store, "carmen").await;
        let node = Node::start(options, store).await.expect("the node starts");
        let shard = node.directory.shard(&id).await.expect("the performance activates");
        (node, shard)
    }
}

fn stamp(number: u8) -> RequestStamp {
    RequestStamp { id: RequestId([number; 16]), fingerprint: u64::from(number) }
}

pub(crate) fn command(number: u8, action: Action) -> Command {
    Command { request: Some(stamp(number)), action }
}

pub(crate) fn hold(number: u8, buyer: &str, seat: u32) -> Command {
    let seats = [SeatIndex(seat)].into_iter().collect();
    command(number, Action::Hold { buyer: BuyerId::from(buyer), grade: None, seats })
}

pub(crate) fn held(reply: Reply) -> HoldId {
    match reply {
        Ok(Answer::Held { hold, .. }) => hold,
        other => panic!("expected a hold, got {other:?}"),
    }
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A payment provider, and the options of a node that pays through it.
async fn provider() -> (Simulator, NodeOptions) {
    let behaviour = Behaviour { latency_median_ms: 50.0, ..Behaviour::default() };
    let options = toss_sim::Options { behaviour, ..toss_sim::Options::default() };
    let simulator = Simulator::start(options).await.expect("a free port");
    let toss = TossOptions {
        base_url: simulator.url().parse().expect("a URL"),
        secret_key: SECRET_KEY.into(),
        connect_timeout: Duration::from_secs(3),
        read_timeout: Duration::from_secs(30),
        connections_idle_max: 16,
    };
    let payments = PaymentsOptions { provider: Provider::Toss(Box::new(toss)), ..PaymentsOptions::default() };
    (simulator, NodeOptions { payments, ..NodeOptions::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let house = House::new();
    let (_simulator, options) = provider().await;
    let (node, shard) = house.start(options.clone()).await;
    let first = shard.call(hold(1, "ann", 7), None).await;
    let id = held(first.clone());
    assert_eq!(shard.committed(), shard.read(|state| state.sequence()));
    let payment = Action::BeginPayment {
        buyer: BuyerId::from("ann"),
        hold: id,
        amount_minor: 1_000,
        payment_key: "key".into(),
        coupon: None,
    };
    assert_eq!(
        shard.call(command(2, payment), None).await,
        Ok(Answer::PaymentBegun { order: OrderId(1), amount_minor: 1_000 })
    );
    assert_eq!(node.payments.settle(&shard, OrderId(1)).await, Settled::Paid);
    let before = shard.read(|state| state.snapshot());
    node.drain().await;
    drop((node, shard));

    let (node, shard) = house.start(options).await;
    assert!(before == shard.read(|state| state.snapshot()), "I12: the state is rebuilt as it was");
    assert_eq!(shard.read(|state| state.seat_status(SeatIndex(7))), Some(SeatStatus::Sold));
    assert_eq!(shard.call(hold(1, "ann", 7), None).await, first, "I8: the first answer again");
    node.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_under_way_is_taken_up_after_a_restart() {
    let house = House::new();
    let (_simulator, options) = provider().await;
    let (node, shard) = house.start(options.clone()).await;
    let id = held(shard.call(hold(1, "ann", 3), None).await);
    let payment = Action::BeginPayment {
        buyer: BuyerId::from("ann"),
        hold: id,
        amount_minor: 1_000,
        payment_key: "key".into(),
        coupon: None,
    };
    shard.call(command(2, payment), None).await.expect("the payment begins");
    node.drain().await;
    drop((node, shard));

    let (node, shard) = house.start(options).await;
    until("the order is paid without anybody asking", || {
        shard.read(|state| state.seat_status(SeatIndex(3))) == Some(SeatStatus::Sold)
    })
    .await;
    node.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_lapse_and_watchers_hear_of_it() {
    let mut house = House::new();
    house.limits.hold_ttl_ms = Millis(300);
    house.limits.offer_ttl_ms = Millis(200);
    let (node, shard) = house.start(NodeOptions::default()).await;
    let mut watch = shard.watch_seat_map(None);
    assert!(matches!(watch.next().await, Some(SeatMapUpdate::Snapshot(_))));
    let id = held(shard.call(hold(1, "ann", 5), None).await);
    let join = Action::JoinWaitlist { buyer: BuyerId::from("bob"), grade: None, seat: SeatIndex(5) };
    shard.call(command(2, join), None).await.expect("bob queues");
    let mut offers = shard.watch_offers(&BuyerId::from("bob"), std::iter::empty());

    let offered = offers.next().await;
    let Some(OfferNews::Offered { hold: offer, seat: SeatIndex(5), .. }) = offered else {
        panic!("expected an offer, got {offered:?}")
    };
    assert!(offer > id);
    assert_eq!(offers.next().await, Some(OfferNews::Lapsed { hold: offer, seat: SeatIndex(5) }));
    let mut last = None;
    while last != Some(SeatStatus::Free as u8) {
        let Some(SeatMapUpdate::Delta(delta)) = watch.next().await else { panic!("expected a delta") };
        let changes: Vec<(u32, u8)> = earlybird_proto::SeatChanges::new(delta.changes.clone()).collect();
        let [(5, state)] = changes[..] else { panic!("only seat 5 changes, got {changes:?}") };
        last = Some(state);
    }
    node.drain().await;
}

/// Thousands of holds may share a deadline: the next beat of the ticker would be too late for the last of them.
#[tokio::test(flavor = "multi_thread")]
async fn one_tick_expires_all_that_is_due() {
    let mut house = House::new();
    house.plan = ARENA;
    house.limits.hold_ttl_ms = Millis(500);
    let (node, shard) =
        house.start(NodeOptions { tick: Duration::from_secs(3_600), ..NodeOptions::default() }).await;
    let calls = (0..3_000).map(|seat| {
        let (buyer, seats) =
            (BuyerId(format!("buyer-{seat}").into()), [SeatIndex(seat)].into_iter().collect());
        let action = Action::Hold { buyer, grade: None, seats };
        shard.call(Command { request: None, action }, None)
    });
    futures::future::join_all(calls).await.into_iter().for_each(|reply| {
        held(reply);
    });
    let last = shard.read(|state| state.holds().map(|hold| hold.deadline).max()).expect("there are holds");
    // The wheel turns in units of ten milliseconds.
    until("all are due", || node.clock.now() > last.plus(Millis(20))).await;
    assert_eq!(shard.read(|state| state.counts().held), 3_000);
    shard.cast(ShardMessage::Tick);
    until("all have lapsed", || shard.read(|state| state.counts().held) == 0).await;
    node.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_performance_rests_and_wakes_on_demand() {
    let house = House::new();
    let options = NodeOptions { passivate_after: Duration::from_millis(50), ..NodeOptions::default() };
    let (node, shard) = house.start(options).await;
    let id = held(shard.call(hold(1, "ann", 1), None).await);
    let release = Action::ReleaseHold { buyer: BuyerId::from("ann"), hold: id };
    shard.call(command(2, release), None).await.expect("ann releases");
    until("the performance rests", || !shard.is_open() && node.directory.active_shards().is_empty()).await;
    assert_eq!(
        shard.call(hold(3, "bob", 1), None).await,
        Err(Failure::Unavailable(Unavailable::ShardRestarted)),
        "a handle from before says that it is void"
    );
    let again = node.directory.shard(&PerformanceId::from("carmen")).await.expect("it wakes");
    held(again.call(hold(3, "bob", 1), None).await);
    assert!(!Arc::ptr_eq(&shard, &again));
    node.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_inbox_and_a_past_deadline_change_nothing() {
    let house = House::new();
    let (node, shard) = house.start(NodeOptions { inbox_capacity: 4, ..NodeOptions::default() }).await;
    // The actor cannot take a batch while the state is being looked at, so the queue fills.
    let (replies, overloaded) = shard.read(|_| {
        let mut replies = Vec::new();
        for number in 0..40 {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let reply = crate::reply::ReplyTo::Unary(sender);
            shard.submit(Job { command: hold(number, "ann", u32::from(number)), expires_at: None, reply });
            replies.push(receiver);
        }
        let mut overloaded = Vec::new();
        replies.retain_mut(|reply| reply.try_recv().map(|reply| overloaded.push(reply)).is_err());
        (replies, overloaded)
    });
    // At most one batch of a full queue is with the actor, and one full queue behind it.
    assert!(overloaded.len() >= 40 - 2 * 4, "{} were turned away", overloaded.len());
    assert!(overloaded.iter().all(|reply| matches!(reply, Err(Failure::Overloaded { .. }))));
    let mut accepted = 0;
    for reply in replies {
        accepted += usize::from(reply.await.is_ok_and(|reply| reply.is_ok()));
    }
    assert_eq!(shard.read(|state| state.counts().held) as usize, accepted);

    let late = Instant::now().checked_sub(Duration::from_millis(1)).expect("the machine is up");
    assert_eq!(shard.call(hold(100, "bob", 50), Some(late)).await, Err(Failure::DeadlineExceeded));
    assert_eq!(shard.read(|state| state.seat_status(SeatIndex(50))), Some(SeatStatus::Free));
    node.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_buckets_writes_nothing_and_says_so() {
    let house = House::new();
    let (old, shard) = house.start(NodeOptions::default()).await;
    held(shard.call(hold(1, "ann", 1), None).await);
    let new = Node::start(NodeOptions::default(), Arc::clone(&old.store)).await.expect("the next run starts");
    assert_eq!(
        shard.call(hold(2, "bob", 2), None).await,
        Err(Failure::Unavailable(Unavailable::NotOwner)),
        "I9: nothing is committed under a stale epoch"
    );
    let id = PerformanceId::from("carmen");
    assert_eq!(old.directory.shard(&id).await.err(), Some(ActivateError::Unavailable(Unavailable::NotOwner)));
    let taken = new.directory.shard(&id).await.expect("the new owner serves");
    let statuses = taken.read(|state| [1, 2].map(|seat| state.seat_status(SeatIndex(seat))));
    assert_eq!(statuses, [Some(SeatStatus::Held), Some(SeatStatus::Free)]);
    drop(old);
    new.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_attempt_to_move_a_bucket_does_not_open_it() {
    let (node, shard) = House::new().start(NodeOptions::default()).await;
    let bucket = shard.performance().bucket;
    let moving = node.directory.begin_move(bucket).expect("it stays where it is so far");
    moving.seal().await;
    for _ in 0..2 {
        assert!(node.directory.begin_move(bucket).is_none(), "it is on its way");
        assert!(shard.is_sealed() && !shard.is_open());
    }
    drop(moving);
    assert!(shard.is_open(), "it was not handed over");
    held(shard.call(hold(1, "ann", 1), None).await);
    node.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_a_performance_that_another_node_owns_are_left_to_it() {
    let house = House::new();
    let (_simulator, options) = provider().await;
    let (old, shard) = house.start(options.clone()).await;
    let id = held(shard.call(hold(1, "ann", 1), None).await);
    let payment = Action::BeginPayment {
        buyer: BuyerId::from("ann"),
        hold: id,
        amount_minor: 1_000,
        // The provider says no, and takes the money all the same.
        payment_key: "sim.done-REJECT_CARD_PAYMENT.1".into(),
        coupon: None,
    };
    shard.call(command(2, payment), None).await.expect("the payment begins");
    let settled = old.payments.settle(&shard, OrderId(1)).await;
    assert!(matches!(settled, Settled::Declined { .. }), "{settled:?}");

    let new = Node::start(options, Arc::clone(&old.store)).await.expect("the next run starts");
    old.cluster.refresh().await.expect("the store answers");
    assert_eq!(old.directory.buckets_owned(), 0);
    let now = old.clock.now();
    let window = Window { from: Timestamp(now.0 - 3_600_000), to: now.plus(Millis(60_000)) };
    for repairs in [false, true] {
        let summary = old.payments.reconcile(window, repairs, &|_| {}).await.expect("it is compared");
        assert_eq!((summary.elsewhere, summary.left, summary.repaired), (1, 1, 0), "{summary:?}");
        assert_eq!(summary.findings, []);
    }
    let shard = new.directory.shard(&PerformanceId::from("carmen")).await.expect("it is the new node's");
    until("its owner sets it right", || {
        shard.read(|state| state.seat_status(SeatIndex(1))) == Some(SeatStatus::Sold)
    })
    .await;
    drop(old);
    new.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_drains_answers_what_it_took_and_takes_no_more() {
    let mut house = House::new();
    house.hold_ack_memory = true;
    let (node, shard) = house.start(NodeOptions::default()).await;
    let calls: Vec<_> = (0..50)
        .map(|number| {
            let shard = Arc::clone(&shard);
            let buyer = format!("buyer-{number}");
            tokio::spawn(async move { shard.call(hold(number, &buyer, u32::from(number)), None).await })
        })
        .collect();
    node.drain().await;
    let mut acknowledged = 0;
    for call in calls {
        match call.await.expect("no panic") {
            Ok(Answer::Held { .. }) => acknowledged += 1,
            Err(Failure::Unavailable(Unavailable::Draining)) => {}
            other => panic!("unexpected {other:?}"),
        }
    }
    drop((node, shard));
    let (node, shard) = house.start(NodeOptions::default()).await;
    assert_eq!(shard.read(|state| state.counts().held), acknowledged);
    node.drain().await;
}

/// A hold that was acknowledged from memory and lost is HOLD_NOT_FOUND for ever: its number never means another hold.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_holds_that_may_be_lost_are_not_given_again() {
    let mut house = House::new();
    for hold_ack_memory in [false, true] {
        house.hold_ack_memory = hold_ack_memory;
        house.folder = tempfile::tempdir().expect("a temporary folder");
        let (node, shard) = house.start(NodeOptions::default()).await;
        let HoldId(first) = held(shard.call(hold(1, "ann", 1), None).await);
        node.drain().await;
        drop((node, shard));
        let options = NodeOptions { outbox_entries_max: 1_000, ..NodeOptions::default() };
        let (node, shard) = house.start(options).await;
        let HoldId(second) = held(shard.call(hold(2, "ben", 2), None).await);
        assert_eq!(second - first > 1_000, hold_ack_memory, "{first}, then {second}");
        node.drain().await;
        drop((node, shard));
        let (node, shard) = house.start(NodeOptions::default()).await;
        assert!(shard.read(|state| state.hold(HoldId(second)).is_some()), "I12: a gap is replayed as it was");
        let report = audit_live(&node, &shard.performance().id).await.expect("the journal is read");
        assert!(report.clean, "{report:?}");
        node.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_node_goes_on_although_nobody_asks() {
    let mut house = House::new();
    house.limits.hold_ttl_ms = Millis(500);
    let (node, shard) = house.start(NodeOptions::default()).await;
    held(shard.call(hold(1, "ann", 5), None).await);
    node.drain().await;
    drop((node, shard));

    let node = Node::start(NodeOptions::default(), house.open().await).await.expect("the node starts");
    let lapsed = || {
        let shard = node.directory.active("carmen");
        shard.is_some_and(|shard| {
            shard.read(|state| state.seat_status(SeatIndex(5))) == Some(SeatStatus::Free)
        })
    };
    until("the hold of the run before lapses", lapsed).await;
    node.drain().await;
}
