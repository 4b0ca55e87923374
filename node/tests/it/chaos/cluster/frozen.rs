//! A node that stands still for longer than its lease, and then goes on as if nothing had been.

use std::time::{Duration, Instant};

use earlybird_persistence::testing::skips_postgres;
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Reply;
use earlybird_proto::v1::{Hold, HoldAck, HoldSeatsRequest, SeatMap, SessionRequest, SessionResponse};
use rush::session::SessionClient;
use tonic::Status;

use super::{Cluster, RECOVERY_BOUND, disperse};
use crate::chaos::eventually;
use crate::chaos::house::{Client, reason, request_id};

/// For how long the node stands still.
const FROZEN: Duration = Duration::from_secs(10);
/// Longest wait for an answer: the node answers when it goes on.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What the frozen node owned.
const PERFORMANCES: [&str; 2] = ["durable", "memory"];
/// Seats: held before, held at the next owner, asked for at the frozen node, asked for by nobody.
const BEFORE: u32 = 0;
const AFTER: u32 = 1;
const WANTED: u32 = 2;
const FREE: u32 = 3;

/// What a node that was frozen answers to what had come to it meanwhile.
struct Answers {
    taken: Result<Hold, Status>,
    wanted: Result<Hold, Status>,
    map: Result<SeatMap, Status>,
}

impl Answers {
    async fn of(client: Client, performance: &str) -> Self {
        let (taken, wanted, map) = tokio::join!(
            client.hold(performance, "carol", &[AFTER], TIMEOUT),
            client.hold(performance, "carol", &[WANTED], TIMEOUT),
            client.seat_map(performance),
        );
        Self { taken, wanted, map }
    }

    /// It does not speak for the performance: what it says is from the owner, or an error.
    async fn assert_honest(self, owner: &Client) {
        let told = [self.taken.as_ref().err(), self.wanted.as_ref().err(), self.map.as_ref().err()];
        println!("it answers {:?}", told.map(|error| error.map(reason)));
        assert!(self.taken.is_err(), "a seat that another holds");
        if let Ok(hold) = self.wanted {
            owner.get_hold(&hold.name, "carol").await.expect("a hold that is acknowledged is the owner's");
        }
        if let Ok(map) = self.map {
            assert_ne!(map.states[AFTER as usize], map.states[FREE as usize], "an old seat map");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_frozen_says_and_writes_nothing_of_its_own() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await;
    let mut servers = cluster.start().await;
    let (at_zombie, elsewhere) = (cluster.client(1), cluster.client(2));
    for (performance, ack) in PERFORMANCES.into_iter().zip([HoldAck::Durable, HoldAck::Memory]) {
        elsewhere.create_with(performance, Duration::from_secs(600), ack).await;
        cluster.move_to(0, performance, 1).await.expect("it is brought there");
        at_zombie.hold(performance, "ann", &[BEFORE], TIMEOUT).await.expect("the node owns it");
    }
    // It is in the middle of it all when it is frozen.
    let crowds = cluster.crowds("", &[0, 1, 2]);
    super::until_acknowledged(&crowds, 10).await;
    let mut zombie = servers.remove(1);
    zombie.freeze();
    let began = Instant::now();
    for performance in PERFORMANCES {
        let held = async || elsewhere.hold(performance, "bob", &[AFTER], TIMEOUT).await.ok();
        eventually("another node serves it", held).await;
    }
    println!("what the frozen node owned is served after {:?}", began.elapsed());
    assert!(began.elapsed() < RECOVERY_BOUND);

    let asked = PERFORMANCES.map(|performance| tokio::spawn(Answers::of(at_zombie.clone(), performance)));
    let late = cluster.crowds("", &[1]);
    // Nothing is waited for here: so long the fault lasts.
    tokio::time::sleep(FROZEN.saturating_sub(began.elapsed())).await;
    zombie.thaw();
    for answers in asked {
        answers.await.expect("it is asked").assert_honest(&elsewhere).await;
    }
    let status = zombie.ended().await;
    assert!(!status.success(), "it reads itself dead and ends: {status}");
    assert!(zombie.log().contains("this run of the node is over"), "it says why");

    servers.insert(1, cluster.sites[1].start().await);
    cluster.recovers(&crowds).await;
    let mut done = disperse(crowds).await;
    done.extend(disperse(late).await);
    cluster.judge(servers, done).await;
}

/// Sends a command and waits for its reply.
async fn ask(session: &mut SessionClient, tag: u64, timeout: Duration, hold: &HoldSeatsRequest) -> Reply {
    let timeout_ms = u32::try_from(timeout.as_millis()).expect("a short time");
    let command = Some(Command::HoldSeats(hold.clone()));
    session.push(SessionRequest { tag, timeout_ms, command });
    session.flush();
    let mut answer = None;
    let take = |reply: SessionResponse| answer = Some(reply);
    let received = tokio::time::timeout(TIMEOUT, session.receive(1, take)).await;
    received.expect("it is answered").expect("the session goes on");
    let answer = answer.expect("a reply");
    assert_eq!(answer.tag, tag, "one reply for each command, under its tag");
    answer.result.expect("a result")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_answers_for_a_frozen_owner_at_the_deadline() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    // Nobody takes over.
    let cluster = Cluster::of(2).await.with("CLUSTER__REBALANCE", "manual").with("CLUSTER__LEASE", "60s");
    let servers = cluster.start_uneven().await;
    cluster.move_to(0, "aida", 1).await.expect("it is brought there");
    let mut session = cluster.session(0).await;
    let hold = |seat| HoldSeatsRequest {
        performance: "performances/aida".into(),
        buyer_id: "ann".into(),
        grade: String::new(),
        seats: vec![seat],
        request_id: request_id(),
    };
    let Reply::Hold(_) = ask(&mut session, 0, TIMEOUT, &hold(0)).await else { panic!("it is free") };
    servers[1].freeze();
    let deadline = Duration::from_millis(300);
    let holds = [hold(1), hold(2), hold(3)];
    for (tag, hold) in (1..).zip(&holds) {
        let began = Instant::now();
        let Reply::Error(error) = ask(&mut session, tag, deadline, hold).await else {
            panic!("nobody answers")
        };
        let took = began.elapsed();
        println!("{} after {took:?}", error.reason);
        assert_eq!(error.reason, "OWNER_SILENT");
        assert!((deadline..3 * deadline).contains(&took), "{took:?}");
    }
    servers[1].thaw();
    // What was answered so may have been done: asked again, it is done once. Late replies are for nobody.
    for (tag, hold) in (4..).zip(&holds) {
        let Reply::Hold(held) = ask(&mut session, tag, TIMEOUT, hold).await else { panic!("it is free") };
        assert_eq!(held.seats, hold.seats);
    }
    cluster.judge(servers, Vec::new()).await;
}
