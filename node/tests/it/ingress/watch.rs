//! Seat map watches: deltas that add up, breaks, slow watchers, draining, vanished clients.

use earlybird_proto::v1;
use earlybird_proto::v1::catalog_client::CatalogClient;
use earlybird_proto::v1::seating_client::SeatingClient;
use tonic::transport::Channel;
use tonic::{Code, Streaming};

use super::house::*;
use crate::support::MapCopy;

/// A watcher that keeps the map up to date as a client would.
struct Watcher {
    stream: Streaming<v1::WatchSeatMapResponse>,
    copy: MapCopy,
}

impl Watcher {
    async fn open(seating: SeatingClient<Channel>, resume: (u64, u64)) -> Self {
        Self::open_for(seating, NAME, resume).await
    }

    async fn open_for(mut seating: SeatingClient<Channel>, name: &str, resume: (u64, u64)) -> Self {
        let (resume_generation, resume_version) = resume;
        let request = v1::WatchSeatMapRequest { performance: name.into(), resume_version, resume_generation };
        let stream = seating.watch_seat_map(request).await.expect("a stream").into_inner();
        let copy = MapCopy { version: resume_version, generation: resume_generation, ..MapCopy::default() };
        Self { stream, copy }
    }

    async fn next(&mut self) -> Result<Option<()>, tonic::Status> {
        let message =
            tokio::time::timeout(PATIENCE, self.stream.message()).await.expect("news comes in time")?;
        let Some(message) = message else { return Ok(None) };
        self.copy.apply(message);
        Ok(Some(()))
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            self.next()
                .await
                .unwrap_or_else(|status| panic!("{what}: {status}"))
                .expect("the stream goes on");
        }
    }
}

#[tokio::test]
async fn deltas_add_up_to_the_map() {
    let house = House::build(Plan::default().with_short_holds()).await;
    let mut watcher = Watcher::open(house.seating.clone(), (0, 0)).await;
    watcher.until("a snapshot", |watcher| watcher.copy.snapshots == 1).await;
    assert_eq!(watcher.copy.states, [0; SEATS as usize]);
    house.hold("alice", &[2, 3]).await.expect("free seats");
    watcher.until("the hold", |watcher| watcher.copy.states[2..4] == [1, 1]).await;
    watcher.until("its end", |watcher| watcher.copy.states[2..4] == [0, 0]).await;
    assert_eq!(watcher.copy.snapshots, 1, "a watcher that keeps up is sent deltas alone");
}

#[tokio::test]
async fn a_watch_is_resumed_where_it_broke_off() {
    let house = House::open().await;
    let mut watcher = Watcher::open(house.seating.clone(), (0, 0)).await;
    watcher.until("a snapshot", |watcher| watcher.copy.snapshots == 1).await;
    let resume = (watcher.copy.generation, watcher.copy.version);
    drop(watcher);
    house.hold("alice", &[5]).await.expect("a free seat");
    eventually("it is published", async || (house.seat_map().await.version > resume.1).then_some(())).await;
    let mut resumed = Watcher::open(house.seating.clone(), resume).await;
    resumed.next().await.expect("a delta").expect("the stream goes on");
    assert_eq!((resumed.copy.snapshots, resumed.copy.version), (0, resume.1 + 1));
    // A generation that is not known starts over.
    let mut other = Watcher::open(house.seating.clone(), (1, resume.1)).await;
    other.next().await.expect("a snapshot").expect("the stream goes on");
    assert_eq!(other.copy.snapshots, 1);
}

#[tokio::test]
async fn draining_ends_watches_with_a_reason() {
    let house = House::open().await;
    let mut watcher = Watcher::open(house.seating.clone(), (0, 0)).await;
    watcher.until("a snapshot", |watcher| watcher.copy.snapshots == 1).await;
    let request =
        v1::WatchOffersRequest { performance: NAME.into(), buyer_id: "alice".into(), ..Default::default() };
    let mut offers = house.waitlist.clone().watch_offers(request).await.expect("a stream").into_inner();
    house.server.sigterm();
    let (status, reason, _) = failure(watcher.next().await);
    assert_eq!((status.code(), reason.as_str()), (Code::Unavailable, "DRAINING"));
    assert_eq!(failure(offers.message().await).1, "DRAINING");
}

#[tokio::test]
async fn clients_that_vanish_leave_nothing_behind() {
    let house = House::open().await;
    let open = async || {
        let seating = SeatingClient::new(house.connect(65_535).await);
        let mut watcher = Watcher::open(seating.clone(), (0, 0)).await;
        watcher.until("a snapshot", |watcher| watcher.copy.snapshots == 1).await;
        let (commands, receiver) = tokio::sync::mpsc::channel::<v1::SessionRequest>(1);
        let commands_stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let replies = seating.clone().session(commands_stream).await.expect("a session").into_inner();
        let offers = v1::WatchOffersRequest {
            performance: NAME.into(),
            buyer_id: "alice".into(),
            ..Default::default()
        };
        let offers = house.waitlist.clone().watch_offers(offers).await.expect("a stream").into_inner();
        (watcher, commands, replies, offers)
    };
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(open().await);
    }
    let streams = async || {
        let (_, metrics) = house.server.get("/metrics").await;
        let live = |line: &&str| line.starts_with("earlybird_streams{");
        let counts =
            metrics.lines().filter(live).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        counts.sum::<f64>()
    };
    assert_eq!(streams().await, 30.0);
    drop(clients);
    eventually("all streams have ended", async || (streams().await == 0.0).then_some(())).await;
}

#[tokio::test]
async fn a_watcher_that_does_not_read_starts_over() {
    let house = House::open().await;
    let mut catalog = CatalogClient::new(house.server.channel());
    let arena = include_str!("../../../../venues/arena.json");
    let arena = v1::ImportVenueRequest {
        venue_id: "arena".into(),
        seating_plan: arena.into(),
        request_id: request_id(),
    };
    let venue = catalog.import_venue(arena).await.expect("a good plan").into_inner();
    let price = |category: &String| v1::Price { category: category.clone(), amount_minor: 1 };
    let performance = v1::Performance {
        display_name: "Aida".into(),
        venue: venue.name,
        currency_code: "KRW".into(),
        prices: venue.categories.iter().map(price).collect(),
        phases: vec![general(-60, 3_600)],
        ..Default::default()
    };
    let request = v1::CreatePerformanceRequest {
        performance_id: "aida".into(),
        performance: Some(performance),
        request_id: request_id(),
    };
    catalog.create_performance(request).await.expect("all is well");

    let mut slow =
        Watcher::open_for(SeatingClient::new(house.connect(65_535).await), "performances/aida", (0, 0)).await;
    slow.until("a snapshot", |watcher| watcher.copy.snapshots == 1).await;
    let mut keen = Watcher::open_for(house.seating.clone(), "performances/aida", (0, 0)).await;
    keen.until("a snapshot", |watcher| watcher.copy.snapshots == 1).await;
    // Every seat changes in every delta, so that few of them fill what the network and the server hold for a stream.
    let (seats, performance): (Vec<u32>, _) = ((0..10_000).collect(), "performances/aida".to_owned());
    let mut admin = house.admin.clone();
    for round in 0..80_u8 {
        let (seats, performance, request_id) = (seats.clone(), performance.clone(), request_id());
        let expected = if round % 2 == 0 {
            admin.block_seats(v1::BlockSeatsRequest { performance, seats, request_id }).await.expect("free");
            4
        } else {
            admin
                .unblock_seats(v1::UnblockSeatsRequest { performance, seats, request_id })
                .await
                .expect("blocked");
            0
        };
        keen.until("the change", |watcher| watcher.copy.states[0] == expected).await;
    }
    assert_eq!(keen.copy.snapshots, 1, "who reads is sent deltas alone");
    slow.until("a new snapshot instead of what was missed", |watcher| watcher.copy.snapshots == 2).await;
    slow.until("the present", |watcher| watcher.copy.version == keen.copy.version).await;
    assert_eq!(slow.copy.states, keen.copy.states);
}
