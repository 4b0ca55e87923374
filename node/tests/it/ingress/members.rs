//! Members: imported by stream, and their grades where a frontend sends none.

use earlybird_proto::v1;
use earlybird_proto::v1::members_client::MembersClient;
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Reply;
use tonic::transport::Channel;

use super::house::{House, Plan, failure, general, hold_request, join_request, presale, request_id};

fn member(id: &str, grade: &str, birth_date: &str) -> v1::Member {
    v1::Member { member_id: id.into(), grade: grade.into(), birth_date: birth_date.into(), update_time: None }
}

fn client(house: &House) -> MembersClient<Channel> {
    MembersClient::new(house.server.channel())
}

/// Imports in one call, a message each, and returns the answers.
async fn import(house: &House, messages: Vec<Vec<v1::Member>>) -> Vec<v1::ImportMembersResponse> {
    let messages: Vec<_> = messages.into_iter().map(|members| v1::ImportMembersRequest { members }).collect();
    let mut answers =
        client(house).import_members(tokio_stream::iter(messages)).await.expect("it is taken").into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await.expect("an answer") {
        all.push(answer);
    }
    all
}

#[tokio::test]
async fn an_import_tells_its_progress_and_what_is_wrong() {
    let house = House::open().await;
    let first = vec![
        member("ann", "VIP", "2004-02-29"),
        member("ben", "", "2004-02-30"),
        member("", "vip", "1990-01-01"),
        member("cid", "x".repeat(33).as_str(), ""),
    ];
    let second = vec![member("dan", "", "2999-01-01"), member("eve", "gold", "")];
    let answers = import(&house, vec![first.clone(), second.clone()]).await;
    let sums: Vec<_> =
        answers.iter().map(|answer| (answer.received, answer.written, answer.rejected)).collect();
    assert_eq!(sums, [(4, 1, 3), (6, 2, 4)]);
    let faults: Vec<_> = answers
        .iter()
        .flat_map(|answer| &answer.faults)
        .map(|fault| (fault.row, fault.field.as_str(), fault.description.as_str()))
        .collect();
    assert_eq!(
        faults[..3],
        [
            (2, "birth_date", "there is no 2004-02-30"),
            (3, "member_id", "required"),
            (4, "grade", "must have at most 32 bytes"),
        ]
    );
    assert_eq!((faults[3].0, faults[3].1), (5, "birth_date"));

    // Again, nothing changes.
    let answers = import(&house, vec![first, second]).await;
    assert_eq!(answers.last().map(|answer| answer.written), Some(0));
    let mut client = client(&house);
    let request = v1::GetMemberRequest { member_id: "ann".into() };
    let ann = client.get_member(request).await.expect("she is there").into_inner();
    assert_eq!((ann.grade.as_str(), ann.birth_date.as_str()), ("vip", "2004-02-29"));

    let many = vec![member("x", "", ""); 10_001];
    let messages = tokio_stream::iter([v1::ImportMembersRequest { members: many }]);
    let mut refused = client.import_members(messages).await.expect("it is taken").into_inner();
    let (_, reason, _) = failure(refused.message().await);
    assert_eq!(reason, "INVALID_FIELD");
}

#[tokio::test]
async fn members_are_listed_in_pages_and_forgotten() {
    let house = House::open().await;
    let members = ["a", "b", "c", "d"].map(|id| member(id, if id == "b" { "" } else { "vip" }, ""));
    import(&house, vec![members.to_vec()]).await;
    let mut client = client(&house);
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListMembersRequest { grade: "VIP".into(), page_size: 2, page_token };
        let page = client.list_members(request).await.expect("a page").into_inner();
        seen.extend(page.members.into_iter().map(|member| member.member_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["a", "c", "d"]);
    for _ in 0..2 {
        let request = v1::DeleteMemberRequest { member_id: "a".into() };
        client.delete_member(request).await.expect("forgotten is forgotten");
    }
    let (_, reason, _) = failure(client.get_member(v1::GetMemberRequest { member_id: "a".into() }).await);
    assert_eq!(reason, "MEMBER_NOT_FOUND");
    let request = v1::ListMembersRequest { page_token: "x".into(), ..Default::default() };
    let (_, reason, _) = failure(client.list_members(request).await);
    assert_eq!(reason, "INVALID_FIELD");
}

#[tokio::test]
async fn a_presale_knows_its_members() {
    let phases = vec![presale(-60, 3_600), general(3_600, 7_200)];
    let house = House::build(Plan { phases, ..Plan::default() }).await;
    let (_, reason, _) = failure(house.hold("ann", &[1]).await);
    assert_eq!(reason, "PRESALE_ONLY");
    // Known at once, although it was just remembered that she is none.
    import(&house, vec![vec![member("ann", "VIP", ""), member("ben", "gold", "")]]).await;
    house.hold("ann", &[1]).await.expect("she is a member");
    let (_, reason, _) = failure(house.hold("ben", &[2]).await);
    assert_eq!(reason, "PRESALE_ONLY");
    // What a frontend sends wins.
    let request = v1::HoldSeatsRequest { grade: "vip".into(), ..hold_request("ben", &[2]) };
    house.seating.clone().hold_seats(request).await.expect("he is one, says the frontend");
    let best = v1::HoldBestAvailableRequest {
        performance: super::house::NAME.into(),
        buyer_id: "ann".into(),
        count: 1,
        request_id: request_id(),
        ..Default::default()
    };
    house.seating.clone().hold_best_available(best).await.expect("she is a member");
    house.waitlist.clone().join_waitlist(join_request("ann", 2)).await.expect("she is a member");
}

#[tokio::test]
async fn a_session_knows_members_as_well() {
    let phases = vec![presale(-60, 3_600), general(3_600, 7_200)];
    let house = House::build(Plan { phases, ..Plan::default() }).await;
    let members: Vec<_> = (0..10).map(|number| member(&format!("m{number}"), "vip", "")).collect();
    import(&house, vec![members]).await;
    // Even ones are members; each asks twice, so the second time the answer is known.
    let buyers: Vec<String> =
        (0..20).map(|number| format!("{}{}", if number % 2 == 0 { "m" } else { "x" }, number / 2)).collect();
    let command = |(tag, buyer): (usize, &String)| v1::SessionRequest {
        tag: tag as u64,
        timeout_ms: 0,
        command: Some(Command::HoldSeats(hold_request(buyer, &[tag as u32]))),
    };
    let commands: Vec<_> = buyers.iter().enumerate().map(command).collect();
    let mut replies =
        house.seating.clone().session(tokio_stream::iter(commands)).await.expect("a session").into_inner();
    let mut outcomes = vec![false; 20];
    while let Some(reply) = replies.message().await.expect("a reply") {
        outcomes[reply.tag as usize] = match reply.result {
            Some(Reply::Hold(_)) => true,
            Some(Reply::Error(error)) if error.reason == "PRESALE_ONLY" => false,
            other => panic!("{other:?}"),
        };
    }
    assert!(outcomes.iter().enumerate().all(|(tag, held)| *held == (tag % 2 == 0)), "{outcomes:?}");
}
