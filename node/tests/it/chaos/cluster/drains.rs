//! Nodes that are emptied while commands are on their way to them.

use std::collections::BTreeMap;
use std::pin::pin;

use earlybird_persistence::testing::skips_postgres;
use earlybird_proto::v1::hold::State;
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Reply;
use earlybird_proto::v1::{
    Hold, HoldSeatsRequest, ReleaseHoldRequest, SessionRequest, SessionResponse, UndrainNodeRequest,
};
use rush::session::SessionClient;

use super::{Cluster, PERFORMANCES, disperse, until_acknowledged};
use crate::chaos::house;

/// Commands of a session that are not answered yet.
const IN_FLIGHT: usize = 256;

/// Seats of each performance that a session holds and gives back. Crowds begin at the other end.
const SESSION_SEATS: u64 = 200;
const SESSION_BUYER: &str = "session";

/// A session that is always busy: it holds seats, and gives back what it got.
struct BusySession {
    session: SessionClient,
    sent: u64,
    in_flight: usize,
    answers: Answers,
}

/// What a session was answered.
#[derive(Default)]
struct Answers {
    held: Vec<Hold>,
    refused: BTreeMap<String, usize>,
}

impl BusySession {
    fn over(session: SessionClient) -> Self {
        Self { session, sent: 0, in_flight: 0, answers: Answers::default() }
    }

    fn push(&mut self, command: Command) {
        self.session.push(SessionRequest { tag: self.sent, timeout_ms: 0, command: Some(command) });
        self.sent += 1;
        self.in_flight += 1;
    }

    /// Sends commands until `done`, and then waits for what is in flight.
    async fn until<T>(&mut self, done: impl Future<Output = T>) -> T {
        let (mut done, mut outcome) = (pin!(done), None);
        while outcome.is_none() || self.in_flight > 0 {
            for held in std::mem::take(&mut self.answers.held) {
                self.push(release(held));
            }
            while outcome.is_none() && self.in_flight < IN_FLIGHT {
                self.push(hold(self.sent));
            }
            self.session.flush();
            let (in_flight, answers) = (&mut self.in_flight, &mut self.answers);
            let take = |reply| {
                *in_flight -= 1;
                answers.add(reply);
            };
            tokio::select! {
                received = self.session.receive(IN_FLIGHT, take) => received.expect("the session goes on"),
                ended = &mut done, if outcome.is_none() => outcome = Some(ended),
            }
        }
        outcome.expect("it has ended")
    }
}

impl Answers {
    fn add(&mut self, reply: SessionResponse) {
        match reply.result {
            Some(Reply::Hold(hold)) if hold.state() == State::Active => self.held.push(hold),
            Some(Reply::Error(error)) => *self.refused.entry(error.reason).or_default() += 1,
            _ => {}
        }
    }
}

/// A hold of one seat; each of the performances has its turn.
fn hold(number: u64) -> Command {
    let performance = PERFORMANCES[number as usize % PERFORMANCES.len()];
    let seat = number / PERFORMANCES.len() as u64 % SESSION_SEATS;
    Command::HoldSeats(HoldSeatsRequest {
        performance: format!("performances/{performance}"),
        buyer_id: SESSION_BUYER.into(),
        grade: String::new(),
        seats: vec![seat as u32],
        request_id: house::request_id(),
    })
}

fn release(hold: Hold) -> Command {
    let buyer_id = SESSION_BUYER.into();
    Command::ReleaseHold(ReleaseHoldRequest { name: hold.name, buyer_id, request_id: house::request_id() })
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_that_a_node_is_drained_and_stopped() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await;
    let mut servers = cluster.start().await;
    let mut session = BusySession::over(cluster.session(0).await);
    let crowds = cluster.crowds("", &[0, 2]);
    session.until(until_acknowledged(&crowds, 5)).await;
    session.until(cluster.drain("nodes/node-1")).await.expect("others take what it has");
    let undrain = UndrainNodeRequest { name: "nodes/node-1".into() };
    session.until(cluster.operator(0).undrain_node(undrain)).await.expect("it is there");
    session.until(cluster.shared_out(&servers)).await;
    let (status, took) = session.until(servers.remove(1).terminate()).await;
    assert!(status.success(), "it is stopped in order");
    println!("{} commands, refused {:?}; stopped in {took:?}", session.sent, session.answers.refused);
    let done = disperse(crowds).await;
    for refused in done.iter().map(|done| &done.refused).chain([&session.answers.refused]) {
        assert!(refused.keys().all(|reason| reason == "SEAT_TAKEN"), "{refused:?}");
    }
    assert!(done.iter().all(|done| done.cut.is_empty()), "no call was cut");
    servers.insert(1, cluster.sites[1].start().await);
    cluster.judge(servers, done).await;
}
