//! Venues and performances: created once, listed in pages.

use earlybird_proto::v1;
use tonic::Code;

use super::{CLUB, catalog, import, performance, reason, request_id};
use crate::support::{Options, Server};

const ARENA: &str = include_str!("../../../../venues/arena.json");

#[tokio::test]
async fn venues_are_imported_once_and_their_seats_listed_in_pages() {
    check_venues(Server::start().await).await;
}

#[tokio::test]
async fn so_they_are_on_postgresql() {
    if let Some(options) = Options::on_postgres().await {
        check_venues(Server::start_with(options).await).await;
    }
}

async fn check_venues(mut server: Server) {
    let mut client = catalog(&server);
    let request = import("arena", ARENA);
    let arena = client.import_venue(request.clone()).await.expect("a good plan").into_inner();
    assert_eq!((arena.name.as_str(), arena.capacity), ("venues/arena", 10_000));
    assert_eq!(arena.categories, ["VIP", "R", "S", "A"]);
    let again = client.import_venue(request.clone()).await.expect("the same answer").into_inner();
    assert_eq!(again, arena);

    let other_body = v1::ImportVenueRequest { seating_plan: CLUB.into(), ..request.clone() };
    let status = client.import_venue(other_body).await.expect_err("another body");
    assert_eq!(reason(&status), (Code::InvalidArgument, "REQUEST_ID_REUSED".into()));
    let other_request = v1::ImportVenueRequest { request_id: request_id(), ..request.clone() };
    let status = client.import_venue(other_request).await.expect_err("the name is taken");
    assert_eq!(reason(&status), (Code::AlreadyExists, "VENUE_EXISTS".into()));
    let bad_id = v1::ImportVenueRequest { venue_id: "Arena".into(), request_id: "1".into(), ..request };
    let status = client.import_venue(bad_id).await.expect_err("a bad id");
    assert!(status.message().starts_with("request_id: must be a UUID"), "{}", status.message());

    let mut seats = Vec::new();
    let mut page =
        v1::ListSeatsRequest { parent: "venues/arena".into(), page_size: 4000, ..Default::default() };
    loop {
        let list = client.list_seats(page.clone()).await.expect("a page").into_inner();
        seats.extend(list.seats);
        if list.next_page_token.is_empty() {
            break;
        }
        page.page_token = list.next_page_token;
    }
    assert_eq!(seats.len(), 10_000);
    assert!(seats.iter().enumerate().all(|(index, seat)| seat.seat as usize == index));
    assert_eq!((seats[0].guid.as_str(), seats[0].category.as_str()), ("FA-1-1", "VIP"));

    server.kill9().await;
    server.restart().await;
    let found = catalog(&server).get_venue(v1::GetVenueRequest { name: arena.name.clone() }).await;
    assert_eq!(found.expect("an acknowledged venue survives").into_inner(), arena);
}

#[tokio::test]
async fn performances_are_created_once_and_listed_in_pages() {
    let server = Server::start().await;
    let mut client = catalog(&server);
    let status = client.create_performance(performance("night")).await.expect_err("no venue yet");
    assert_eq!(reason(&status), (Code::NotFound, "VENUE_NOT_FOUND".into()));
    client.import_venue(import("club", CLUB)).await.expect("a good plan");

    let request = performance("night");
    let created = client.create_performance(request.clone()).await.expect("all is well").into_inner();
    assert_eq!((created.name.as_str(), created.capacity), ("performances/night", 60));
    assert_eq!(
        client.create_performance(request.clone()).await.expect("the same answer").into_inner(),
        created
    );
    let name = created.name.clone();
    let found =
        client.get_performance(v1::GetPerformanceRequest { name }).await.expect("it exists").into_inner();
    assert_eq!(found, created);

    let mut other = request.clone();
    other.performance.as_mut().expect("it is set").prices[0].amount_minor = 1;
    let status = client.create_performance(other).await.expect_err("another body");
    assert_eq!(reason(&status), (Code::InvalidArgument, "REQUEST_ID_REUSED".into()));
    let mut wrong = performance("other");
    wrong.performance.as_mut().expect("it is set").prices[1].amount_minor = -1;
    let status = client.create_performance(wrong).await.expect_err("a negative price");
    assert_eq!(reason(&status), (Code::InvalidArgument, "INVALID_PERFORMANCE".into()));
    assert_eq!(status.message(), "performance.prices[1].amount_minor: must be 0 or more");

    for id in ["a", "b", "c"] {
        client.create_performance(performance(id)).await.expect("all is well");
    }
    let first = v1::ListPerformancesRequest { page_size: 3, page_token: String::new() };
    let page = client.list_performances(first).await.expect("a page").into_inner();
    let names = |page: &v1::ListPerformancesResponse| {
        page.performances.iter().map(|performance| performance.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&page), ["performances/a", "performances/b", "performances/c"]);
    let next = v1::ListPerformancesRequest { page_size: 3, page_token: page.next_page_token };
    let page = client.list_performances(next).await.expect("a page").into_inner();
    assert_eq!((names(&page), page.next_page_token), (vec!["performances/night".to_owned()], String::new()));

    let bad = v1::ListPerformancesRequest { page_size: -1, page_token: String::new() };
    let status = client.list_performances(bad).await.expect_err("a negative size");
    assert_eq!(reason(&status), (Code::InvalidArgument, "INVALID_FIELD".into()));
    let bad = v1::ListVenuesRequest { page_size: 1, page_token: "x".into() };
    let status = client.list_venues(bad).await.expect_err("a token that was not given out");
    assert_eq!(status.message(), "page_token: is not a next_page_token of this listing");
    let status = client.get_performance(v1::GetPerformanceRequest { name: "performances/z".into() }).await;
    assert_eq!(reason(&status.expect_err("none")), (Code::NotFound, "PERFORMANCE_NOT_FOUND".into()));
    let status = client.get_venue(v1::GetVenueRequest { name: "z".into() }).await.expect_err("no name");
    assert_eq!(status.message(), "name: must have the form venues/{venue}");
}
