//! Limits, deadlines and overload.

use std::time::{Duration, Instant};

use earlybird_proto::v1;
use earlybird_proto::v1::session_response::Result as Message;
use tonic::{Code, Request};

use super::house::*;
use super::session::Client;

#[tokio::test]
async fn limits_are_named() {
    let limits = v1::Limits {
        seats_per_hold_max: Some(2),
        seats_per_buyer_max: Some(3),
        hold_extensions_max: Some(0),
        waitlist_entries_per_buyer_max: Some(1),
        waiters_per_seat_max: Some(1),
        ..Default::default()
    };
    let house = House::build(Plan { limits, ..Plan::default() }).await;
    let check = |result: Result<(), tonic::Status>, limit: &str| {
        let (status, reason, details) = failure(result);
        assert_eq!((status.code(), reason.as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
        assert_eq!(details.quota_failure().expect("QuotaFailure").violations[0].subject, limit);
        assert_eq!(details.error_info().expect("ErrorInfo").metadata["limit"], limit);
        assert!(details.retry_info().is_none(), "trying again does not help");
    };
    check(house.hold("alice", &[0, 1, 2]).await.map(drop), "seats_per_hold_max");
    let hold = house.hold("alice", &[0, 1]).await.expect("free seats");
    check(house.hold("alice", &[2, 3]).await.map(drop), "seats_per_buyer_max");
    let extend = house.seating.clone().extend_hold(extend_request(&hold)).await;
    check(extend.map(drop), "hold_extensions_max");
    let mut waitlist = house.waitlist.clone();
    waitlist.join_waitlist(join_request("bob", 0)).await.expect("it is taken");
    check(waitlist.join_waitlist(join_request("bob", 1)).await.map(drop), "waitlist_entries_per_buyer_max");
    check(waitlist.join_waitlist(join_request("carol", 0)).await.map(drop), "waiters_per_seat_max");
}

#[tokio::test]
async fn too_few_free_seats_are_counted() {
    let house = House::open().await;
    let block = v1::BlockSeatsRequest {
        performance: NAME.into(),
        seats: (0..SEATS - 2).collect(),
        request_id: request_id(),
    };
    house.admin.clone().block_seats(block).await.expect("free seats");
    let request = v1::HoldBestAvailableRequest {
        performance: NAME.into(),
        buyer_id: "alice".into(),
        count: 3,
        request_id: request_id(),
        ..Default::default()
    };
    let (status, reason, details) = failure(house.seating.clone().hold_best_available(request).await);
    assert_eq!((status.code(), reason.as_str()), (Code::Aborted, "NOT_ENOUGH_SEATS"));
    assert_eq!(details.error_info().expect("ErrorInfo").metadata["free"], "2");
}

#[tokio::test]
async fn a_call_past_its_deadline_changes_nothing() {
    let house = House::open().await;
    house.seat_map().await;
    for _ in 0..50 {
        let mut request = Request::new(hold_request("alice", &[0]));
        request.metadata_mut().insert("grpc-timeout", "0n".parse().expect("a header"));
        house.seating.clone().hold_seats(request).await.expect_err("its time is up");
    }
    house.hold("bob", &[0]).await.expect("nobody holds it");
}

/// A request that has to wait for its turn, unlike a hold that is turned down as things are.
fn queued_request() -> v1::ExtendHoldRequest {
    let (name, buyer_id) = (format!("{NAME}/holds/1"), "alice".to_owned());
    v1::ExtendHoldRequest { name, buyer_id, request_id: request_id() }
}

fn queued_command(tag: u64) -> v1::SessionRequest {
    let command = Some(v1::session_request::Command::ExtendHold(queued_request()));
    v1::SessionRequest { tag, timeout_ms: 0, command }
}

#[tokio::test]
async fn a_full_queue_answers_a_session_when_to_come_back() {
    let house = House::build(Plan::default().with("EARLYBIRD_SHARD__INBOX_CAPACITY", "1")).await;
    let mut session = Client::open(&house).await;
    let mut tag = 0;
    eventually("a command meets a full queue", async || {
        let commands = (tag..tag + 200).map(queued_command).collect();
        tag += 200;
        let replies = session.send_all(commands).await;
        let error = replies.into_values().find_map(|reply| match reply.result {
            Some(Message::Error(error)) if error.reason == "OVERLOADED" => Some(error),
            _ => None,
        })?;
        assert!(error.retry_delay_ms > 0 && error.code == Code::ResourceExhausted as i32);
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_answers_a_unary_call_at_once() {
    let house = House::build(Plan::default().with("EARLYBIRD_SHARD__INBOX_CAPACITY", "1")).await;
    house.seat_map().await;
    // The machine of a test may be busy with something else, so one answer in time is enough.
    eventually("a call meets a full queue, and is told so within 10 ms", async || {
        let call = async || {
            let sent = Instant::now();
            (house.seating.clone().extend_hold(queued_request()).await, sent.elapsed())
        };
        let answers = futures::future::join_all((0..32).map(|_| call())).await;
        answers.into_iter().find_map(|(result, took)| {
            let (status, reason, details) = failure(Err::<(), _>(result.err()?));
            if reason != "OVERLOADED" {
                return None;
            }
            let delay = details.retry_info().and_then(|info| info.retry_delay).expect("RetryInfo");
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert!(!delay.is_zero());
            (took < Duration::from_millis(10)).then_some(())
        })
    })
    .await;
}
