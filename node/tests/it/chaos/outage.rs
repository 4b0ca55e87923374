//! PostgreSQL goes away under load: stopped, frozen, and its connections cut.

use std::time::{Duration, Instant};

use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use rand::Rng;
use tonic::Status;

use super::house::{Client, reason};
use super::sale::{self, Marks};
use super::server::{Server, Site};
use super::{chance, eventually};

/// How long a reply waits for its entry, as configured here.
const ACK_TIMEOUT: Duration = Duration::from_secs(1);
/// By when a mutation must be answered at the latest: overdue replies are looked for five times a second, and the machine
/// may be busy.
const MUTATION_BOUND: Duration = Duration::from_millis(3_000);
/// By when what needs no store must be answered.
const READ_BOUND: Duration = Duration::from_millis(1_000);
/// Entries that wait to be durable.
const OUTBOX_MAX: u64 = 3_000;
/// By how much the outbox may pass its bound: what one look at the timers expires.
const OUTBOX_SLACK: u64 = 1_024;
/// By how much the node may grow while the store is away.
const MEMORY_GROWTH_BYTES_MAX: u64 = 192 << 20;
/// How long the store is stopped.
const STOPPED: Duration = Duration::from_secs(10);
/// By when all is well again (L1).
const RECOVERY_BOUND: Duration = Duration::from_secs(10);

/// A performance beside the on-sale, to feel how the node does.
struct Probe {
    client: Client,
    held: String,
    next_seat: u32,
}

/// What was felt during an outage.
#[derive(Default)]
struct Felt {
    mutations: usize,
    refused: usize,
    reads: usize,
    slowest_mutation: Duration,
    slowest_read: Duration,
    outbox_max: u64,
    memory_max_bytes: u64,
}

impl Probe {
    async fn new(site: &Site) -> Self {
        let client = Client::of(&site.endpoint());
        client.import(20).await;
        client.create("probe", Duration::from_secs(600)).await;
        let hold = client.hold("probe", "ann", &[0], ACK_TIMEOUT).await.expect("the store is there");
        Self { client, held: hold.name, next_seat: 1 }
    }

    /// A mutation; none when it was told that the store is away.
    async fn mutate(&mut self) -> Option<()> {
        self.next_seat += 1;
        let timeout = MUTATION_BOUND * 2;
        match self.client.hold("probe", "bob", &[self.next_seat], timeout).await {
            Ok(_) => Some(()),
            Err(status) => {
                assert_eq!(reason(&status), "STORE_UNAVAILABLE", "{status:?}");
                None
            }
        }
    }

    /// What must be answered although the store is away.
    async fn read(&self) -> Result<(), Status> {
        let taken = self.client.hold("probe", "bob", &[0], MUTATION_BOUND).await;
        assert_eq!(taken.map_err(|status| reason(&status)).err().as_deref(), Some("SEAT_TAKEN"));
        self.client.get_hold(&self.held, "ann").await?;
        self.client.seat_map("probe").await.map(drop)
    }

    /// Mutates and reads for a while, in which the store is away.
    async fn feel(&mut self, server: &Server, time: Duration) -> Felt {
        let mut felt = Felt::default();
        let until = Instant::now() + time;
        let (client, held) = (self.client.clone(), self.held.clone());
        let reader = Probe { client, held, next_seat: 0 };
        let mut mutated = Felt::default();
        let mutate = async {
            // Seats are not given back, so they are taken slowly.
            let mut pace = tokio::time::interval(Duration::from_millis(50));
            while Instant::now() < until {
                pace.tick().await;
                let began = Instant::now();
                let answered = self.mutate().await;
                mutated.mutations += 1;
                mutated.refused += usize::from(answered.is_none());
                mutated.slowest_mutation = mutated.slowest_mutation.max(began.elapsed());
            }
        };
        let read = async {
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            while Instant::now() < until {
                pace.tick().await;
                let began = Instant::now();
                reader.read().await.expect("reads go on");
                felt.reads += 3;
                felt.slowest_read = felt.slowest_read.max(began.elapsed() / 3);
                felt.outbox_max = felt.outbox_max.max(server.metric("earlybird_outbox_depth").await as u64);
                felt.memory_max_bytes = felt.memory_max_bytes.max(server.memory_bytes());
            }
        };
        tokio::join!(mutate, read);
        Felt {
            reads: felt.reads,
            slowest_read: felt.slowest_read,
            outbox_max: felt.outbox_max,
            memory_max_bytes: felt.memory_max_bytes,
            ..mutated
        }
    }

    /// Waits until all is well again. Returns how long it took.
    async fn recover(&mut self, server: &Server) -> Duration {
        let began = Instant::now();
        eventually("mutations are acknowledged", async || self.mutate().await).await;
        let idle = async || (server.metric("earlybird_lanes_failing").await == 0.0).then_some(());
        eventually("no lane is failing", idle).await;
        eventually("it is ready", async || (server.get("/readyz").await.0 == 200).then_some(())).await;
        began.elapsed()
    }
}

fn assert_borne(what: &str, felt: &Felt, memory_before_bytes: u64) {
    println!(
        "{what}: {} mutations ({} unavailable, slowest {:?}), {} reads and rejections (slowest {:?}), outbox up to {}, \
         memory {} MiB before and {} MiB at most",
        felt.mutations,
        felt.refused,
        felt.slowest_mutation,
        felt.reads,
        felt.slowest_read,
        felt.outbox_max,
        memory_before_bytes >> 20,
        felt.memory_max_bytes >> 20,
    );
    assert!(felt.refused > 0 && felt.reads > 10, "{what} was felt");
    assert!(felt.slowest_mutation <= MUTATION_BOUND, "{what}: a mutation took {:?}", felt.slowest_mutation);
    assert!(felt.slowest_read <= READ_BOUND, "{what}: a read took {:?}", felt.slowest_read);
    assert!(felt.outbox_max <= OUTBOX_MAX + OUTBOX_SLACK, "{what}: {} entries waited", felt.outbox_max);
    let growth_bytes = felt.memory_max_bytes.saturating_sub(memory_before_bytes);
    assert!(growth_bytes <= MEMORY_GROWTH_BYTES_MAX, "{what}: the node grew by {growth_bytes} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_stops_and_freezes_and_all_recovers() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let postgres = TempPostgres::start_new().expect("a server");
    let url = postgres.new_database().await.expect("a database");
    let provider = sale::provider().await;
    let site = Site::on(&url)
        .with("LANE__ACK_TIMEOUT", "1s")
        .with("LANE__OUTBOX_ENTRIES_MAX", &OUTBOX_MAX.to_string())
        .with("HTTP__STORE_SILENCE_MAX", "3s")
        .paying_through(&provider);
    let server = site.start().await;
    let mut probe = Probe::new(&site).await;
    let options = sale::options(&site, &provider, 7.0, Duration::from_secs(24), 31);
    let meddle = async |mut marks: Marks| {
        sale::begun(&mut marks).await;
        sale::answered(&mut marks, 2_000).await.expect("the on-sale goes on");
        let memory_bytes = server.memory_bytes();
        tokio::task::block_in_place(|| postgres.stop());
        let stopped = probe.feel(&server, STOPPED).await;
        assert_eq!(server.get("/readyz").await.0, 503, "a node without a store is not ready");
        assert_eq!(server.get("/healthz").await.0, 200, "and lives");
        tokio::task::block_in_place(|| postgres.start()).expect("the server starts again");
        let from_stop = probe.recover(&server).await;

        postgres.freeze().expect("the server freezes");
        let frozen = probe.feel(&server, Duration::from_secs(6)).await;
        postgres.thaw().expect("the server goes on");
        let from_freeze = probe.recover(&server).await;
        println!("recovered within {from_stop:?} of the start, {from_freeze:?} of the thaw");
        assert_borne("stopped", &stopped, memory_bytes);
        assert_borne("frozen", &frozen, memory_bytes);
        assert!(from_stop <= RECOVERY_BOUND && from_freeze <= RECOVERY_BOUND);
    };
    let (outcome, ()) = sale::run(options, meddle).await;
    sale::conclude_after_outage(&outcome, server, &site, STOPPED + RECOVERY_BOUND).await;
}

/// A crash would take it back, and its number might then come to mean another hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_shown_to_nobody_before_it_is_durable() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let postgres = TempPostgres::start_new().expect("a server");
    let url = postgres.new_database().await.expect("a database");
    let site = Site::on(&url).with("LANE__ACK_TIMEOUT", "500ms");
    let server = site.start().await;
    let Probe { client, held, .. } = Probe::new(&site).await;
    let list = async || client.list_holds("probe", "ann").await;
    assert_eq!(list().await.expect("the store is there").len(), 1);

    postgres.freeze().expect("the server freezes");
    let second = tokio::spawn({
        let client = client.clone();
        async move { client.hold("probe", "ann", &[1], MUTATION_BOUND).await }
    });
    let is_decided = async || (server.metric("earlybird_outbox_depth").await > 0.0).then_some(());
    eventually("the hold is decided", is_decided).await;
    let unknown = list().await.map_err(|status| reason(&status));
    assert_eq!(unknown.err().as_deref(), Some("STORE_UNAVAILABLE"));
    client.get_hold(&held, "ann").await.expect("what is durable is shown");
    let refused = second.await.expect("no panic").map_err(|status| reason(&status));
    assert_eq!(refused.err().as_deref(), Some("STORE_UNAVAILABLE"));

    postgres.thaw().expect("the server goes on");
    let shown = async || list().await.ok().filter(|holds| holds.len() == 2).map(drop);
    eventually("it is shown once it is durable", shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_lose_and_double_nothing() {
    const CUTS: u64 = 25;
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let mut rng = chance("cut_connections_lose_and_double_nothing", 99);
    let postgres = TempPostgres::shared().expect("a server");
    let url = postgres.new_database().await.expect("a database");
    let provider = sale::provider().await;
    let site = Site::on(&url).paying_through(&provider);
    let server = site.start().await;
    let options = sale::options(&site, &provider, 4.0, Duration::from_secs(8), 99);
    let meddle = async |mut marks: Marks| {
        let segment = sale::begun(&mut marks).await.planned / (CUTS + 1);
        let mut cut = Vec::new();
        for number in 0..CUTS {
            let target = segment * number + rng.random_range(segment / 2..segment);
            if sale::answered(&mut marks, target).await.is_none() {
                break;
            }
            cut.push(postgres.cut_connections(&url).await.expect("connections are cut"));
        }
        cut
    };
    let (outcome, cut) = sale::run(options, meddle).await;
    let retries = server.metric("earlybird_commit_retries_total").await;
    println!("connections cut at each of {} moments: {cut:?}; {retries} commits tried again", cut.len());
    assert_eq!(cut.len() as u64, CUTS);
    // There is none when nothing was written since the last time.
    assert!(cut.iter().filter(|count| **count > 0).count() as u64 >= CUTS / 3, "connections were cut");
    assert!(retries > 0.0, "and some were in use");
    sale::conclude(&outcome, server, &site).await;
}
