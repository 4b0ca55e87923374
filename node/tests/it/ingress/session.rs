//! `Session`: the same answers as unary calls, many at a time.

use std::collections::HashMap;

use earlybird_proto::v1;
use earlybird_proto::v1::SessionRequest;
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use super::house::*;
use crate::support::assert_read_in_session;

/// A session.
pub(super) struct Client {
    commands: mpsc::Sender<SessionRequest>,
    replies: Streaming<v1::SessionResponse>,
}

impl Client {
    pub(super) async fn open(house: &House) -> Self {
        let (commands, receiver) = mpsc::channel(16_384);
        let replies = house.seating.clone().session(ReceiverStream::new(receiver)).await.expect("a session");
        Self { commands, replies: replies.into_inner() }
    }

    /// Sends commands and waits for the reply to each.
    pub(super) async fn send_all(
        &mut self,
        commands: Vec<SessionRequest>,
    ) -> HashMap<u64, v1::SessionResponse> {
        let count = commands.len();
        for command in commands {
            self.commands.send(command).await.expect("the session lives");
        }
        let mut replies = HashMap::new();
        while replies.len() < count {
            let reply = self.next().await;
            assert!(replies.insert(reply.tag, reply).is_none(), "one reply for each command");
        }
        replies
    }

    /// Sends one command and waits for its reply.
    pub(super) async fn send(&mut self, command: Command) -> Message {
        let request = SessionRequest { tag: 77, timeout_ms: 0, command: Some(command) };
        let mut replies = self.send_all(vec![request]).await;
        replies.remove(&77).expect("its reply").result.expect("a result")
    }

    async fn next(&mut self) -> v1::SessionResponse {
        let message =
            tokio::time::timeout(PATIENCE, self.replies.message()).await.expect("a reply comes in time");
        message.expect("the session lives").expect("the session goes on")
    }
}

/// A command to hold seats.
pub(super) fn hold_command(tag: u64, buyer: &str, seats: &[u32]) -> SessionRequest {
    SessionRequest { tag, timeout_ms: 0, command: Some(Command::HoldSeats(hold_request(buyer, seats))) }
}

#[tokio::test]
async fn every_command_is_answered_as_a_unary_call_is() {
    let house = House::open().await;
    let mut session = Client::open(&house).await;
    let Message::Hold(hold) = session.send(Command::HoldSeats(hold_request("alice", &[0]))).await else {
        panic!()
    };
    assert_eq!((hold.seats.as_slice(), hold.amount_minor), (&[0][..], STALLS_MINOR));
    let best = v1::HoldBestAvailableRequest {
        performance: NAME.into(),
        buyer_id: "bob".into(),
        count: 2,
        request_id: request_id(),
        ..Default::default()
    };
    let Message::Hold(best) = session.send(Command::HoldBestAvailable(best)).await else { panic!() };
    assert_eq!(best.together, Some(true));
    let Message::Hold(_) = session.send(Command::ExtendHold(extend_request(&hold))).await else { panic!() };
    let Message::WaitlistEntry(entry) = session.send(Command::JoinWaitlist(join_request("carol", 0))).await
    else {
        panic!()
    };
    assert_eq!(entry.position, 1);
    let leave = v1::LeaveWaitlistRequest {
        performance: NAME.into(),
        seat: 0,
        buyer_id: "carol".into(),
        request_id: request_id(),
    };
    let Message::Left(_) = session.send(Command::LeaveWaitlist(leave)).await else { panic!() };
    let Message::Order(order) = session.send(Command::PayHold(pay_request(&hold, "key"))).await else {
        panic!()
    };
    assert_eq!((order.state(), order.hold.as_str()), (v1::order::State::Paid, hold.name.as_str()));
    let refund = v1::RefundOrderRequest {
        name: order.name,
        buyer_id: "alice".into(),
        request_id: request_id(),
        ..Default::default()
    };
    let Message::Order(order) = session.send(Command::RefundOrder(refund)).await else { panic!() };
    assert_eq!(order.state(), v1::order::State::Refunded);
    let Message::Hold(released) = session.send(Command::ReleaseHold(release_request(&best))).await else {
        panic!()
    };
    assert_eq!(released.state(), v1::hold::State::Released);
}

#[tokio::test]
async fn errors_are_those_of_unary_calls() {
    let house = House::open().await;
    let mut session = Client::open(&house).await;
    house.hold("alice", &[0, 1]).await.expect("free seats");
    let mut requests = vec![
        hold_request("bob", &[0, 1]),
        hold_request("bob", &[]),
        hold_request("bob", &[SEATS]),
        hold_request("bob", &[2, 3, 4, 5, 6, 7, 8, 9, 10]),
        hold_request("", &[2]),
    ];
    requests
        .push(v1::HoldSeatsRequest { performance: "performances/aida".into(), ..hold_request("bob", &[2]) });
    requests.push(v1::HoldSeatsRequest { request_id: "no".into(), ..hold_request("bob", &[2]) });
    for request in requests {
        let (status, reason, details) = failure(house.seating.clone().hold_seats(request.clone()).await);
        let Message::Error(error) = session.send(Command::HoldSeats(request)).await else {
            panic!("{status:?}")
        };
        assert_eq!((error.code, &error.reason), (status.code() as i32, &reason));
        assert_eq!(error.message, status.message());
        let mut told = error.metadata;
        if !error.seats.is_empty() {
            let seats: Vec<_> = error.seats.iter().map(u32::to_string).collect();
            told.insert("seats".into(), seats.join(","));
        }
        assert_eq!(told, details.error_info().expect("ErrorInfo").metadata);
    }
}

#[tokio::test]
async fn a_message_without_a_command_is_an_error_and_no_more() {
    let house = House::open().await;
    let mut session = Client::open(&house).await;
    let empty = SessionRequest { tag: 5, timeout_ms: 0, command: None };
    let replies = session.send_all(vec![empty, hold_command(6, "alice", &[0])]).await;
    let Some(Message::Error(error)) = &replies[&5].result else { panic!("{replies:?}") };
    assert_eq!((error.code, error.reason.as_str()), (Code::InvalidArgument as i32, "INVALID_FIELD"));
    assert!(matches!(replies[&6].result, Some(Message::Hold(_))));
}

#[tokio::test]
async fn commands_are_read_as_they_are_written() {
    let house = House::open().await;
    assert_read_in_session(house.server.channel(), hold_request("alice", &[0]), 1).await;
}

#[tokio::test]
async fn more_commands_than_may_be_in_flight_are_all_answered() {
    let house = House::build(Plan::default().with("EARLYBIRD_GRPC__SESSION_IN_FLIGHT_MAX", "8")).await;
    let mut session = Client::open(&house).await;
    let commands = (0..5_000).map(|tag| hold_command(tag, &format!("buyer-{tag}"), &[0])).collect();
    let replies = session.send_all(commands).await;
    let held = replies.values().filter(|reply| matches!(reply.result, Some(Message::Hold(_)))).count();
    assert_eq!((replies.len(), held), (5_000, 1));
}

#[tokio::test]
async fn commands_of_one_performance_are_decided_in_order() {
    let house = House::open().await;
    // The performance is not loaded yet: the first commands wait for it, and keep their order.
    let mut session = Client::open(&house).await;
    let commands = (0..100).map(|tag| hold_command(tag, &format!("buyer-{tag}"), &[7])).collect();
    let replies = session.send_all(commands).await;
    assert!(matches!(replies[&0].result, Some(Message::Hold(_))), "the first sent has the seat");
}

#[tokio::test]
async fn a_half_closed_session_is_answered_to_the_end() {
    let house = House::open().await;
    let session = Client::open(&house).await;
    for tag in 0..50 {
        session.commands.send(hold_command(tag, "alice", &[0])).await.expect("the session lives");
    }
    let Client { commands, mut replies } = session;
    drop(commands);
    let mut count = 0;
    while let Some(reply) = replies.message().await.expect("it ends well") {
        assert!(reply.result.is_some());
        count += 1;
    }
    assert_eq!(count, 50);
}

#[tokio::test]
async fn draining_answers_what_was_read_and_says_why_it_ends() {
    let house = House::open().await;
    let mut session = Client::open(&house).await;
    session.send(Command::HoldSeats(hold_request("alice", &[0]))).await;
    house.server.sigterm();
    let (status, reason, _) = failure(session.replies.message().await);
    assert_eq!((status.code(), reason.as_str()), (Code::Unavailable, "DRAINING"));
}

#[tokio::test]
async fn a_client_that_vanishes_in_the_middle_hurts_nobody() {
    let house = House::open().await;
    for _ in 0..20 {
        let session = Client::open(&house).await;
        for tag in 0..200 {
            session.commands.send(hold_command(tag, "alice", &[0])).await.expect("the session lives");
        }
        drop(session);
    }
    let hold = eventually("somebody is served", async || house.hold("bob", &[1]).await.ok()).await;
    house.pay(&hold).await.expect("it is paid");
}

#[tokio::test]
async fn commands_past_their_deadline_change_nothing() {
    let house = House::open().await;
    let mut session = Client::open(&house).await;
    let mut tag = 0;
    // A burst that cannot be decided in a millisecond: the end of it is past its deadline, and only one can hold.
    let held = eventually("some are past their deadline", async || {
        let command =
            |tag| SessionRequest { timeout_ms: 1, ..hold_command(tag, &format!("buyer-{tag}"), &[0]) };
        let replies = session.send_all((tag..tag + 4_000).map(command).collect()).await;
        tag += 4_000;
        let count = |wanted: &dyn Fn(&Message) -> bool| {
            replies.values().filter(|reply| reply.result.as_ref().is_some_and(wanted)).count()
        };
        let late = count(&|message| match message {
            Message::Error(error) if error.reason == "DEADLINE_EXCEEDED" => {
                assert_eq!(error.code, Code::DeadlineExceeded as i32);
                true
            }
            _ => false,
        });
        let held = count(&|message| matches!(message, Message::Hold(_)));
        (late > 0).then_some(held)
    })
    .await;
    assert!(held <= 1, "{held} buyers hold one seat");
}
