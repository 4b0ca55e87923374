//! Venues and performances: created once per request id (I8), read and listed.

use earlybird_persistence::{CancellationRow, CreateOutcome, StoreError, UnixMillis};

use crate::support::{Fixture, performance, venue};

pub(crate) async fn a_venue_is_created_once(fixture: &Fixture) {
    let store = &fixture.store;
    let hall = venue("hall", 1, 11);
    assert_eq!(store.create_venue(&hall).await.unwrap(), CreateOutcome::Created);
    assert_eq!(store.create_venue(&hall).await.unwrap(), CreateOutcome::Replayed(hall.clone()));
    // The stored answer counts, whatever the repetition says of the time.
    let mut later = hall.clone();
    later.created_at.0 += 5;
    assert_eq!(store.create_venue(&later).await.unwrap(), CreateOutcome::Replayed(hall.clone()));
    assert_eq!(store.create_venue(&venue("hall", 1, 12)).await.unwrap(), CreateOutcome::RequestIdReused);
    assert_eq!(store.create_venue(&venue("barn", 1, 12)).await.unwrap(), CreateOutcome::RequestIdReused);
    assert_eq!(store.create_venue(&venue("hall", 2, 11)).await.unwrap(), CreateOutcome::AlreadyExists);
    assert_eq!(store.venue(&"hall".into()).await.unwrap(), Some(hall));
    assert_eq!(store.venue(&"barn".into()).await.unwrap(), None);
}

pub(crate) async fn a_performance_is_created_once(fixture: &Fixture) {
    let store = &fixture.store;
    store.create_venue(&venue("hall", 1, 11)).await.unwrap();
    let night = performance("night", "hall", 2, u64::MAX);
    assert_eq!(store.create_performance(&night).await.unwrap(), CreateOutcome::Created);
    assert_eq!(store.create_performance(&night).await.unwrap(), CreateOutcome::Replayed(night.clone()));
    let other = performance("night", "hall", 2, 0);
    assert_eq!(store.create_performance(&other).await.unwrap(), CreateOutcome::RequestIdReused);
    let other = performance("night", "hall", 3, 0);
    assert_eq!(store.create_performance(&other).await.unwrap(), CreateOutcome::AlreadyExists);
    assert_eq!(store.performance(&"night".into()).await.unwrap(), Some(night));
    assert_eq!(store.performance(&"day".into()).await.unwrap(), None);
}

pub(crate) async fn a_performance_needs_its_venue(fixture: &Fixture) {
    let created = fixture.store.create_performance(&performance("night", "nowhere", 1, 1)).await;
    assert!(matches!(created, Err(StoreError::Invalid { .. })), "{created:?}");
}

pub(crate) async fn venues_are_listed_by_id(fixture: &Fixture) {
    let store = &fixture.store;
    for (request, id) in ["b", "B", "a-2", "a", "가"].iter().enumerate() {
        store.create_venue(&venue(id, request as u8, 1)).await.unwrap();
    }
    let mut seen = Vec::new();
    loop {
        let page = store.list_venues(seen.last(), 2).await.unwrap();
        seen.extend(page.iter().map(|venue| venue.id.clone()));
        if page.len() < 2 {
            break;
        }
    }
    // By bytes, in every store and locale.
    assert_eq!(seen, ["B", "a", "a-2", "b", "가"].map(Into::into));
}

pub(crate) async fn performances_are_listed_by_id(fixture: &Fixture) {
    let store = &fixture.store;
    store.create_venue(&venue("hall", 1, 1)).await.unwrap();
    for (request, id) in ["c", "a", "b"].iter().enumerate() {
        store.create_performance(&performance(id, "hall", request as u8, 1)).await.unwrap();
    }
    let ids = |page: Vec<earlybird_persistence::PerformanceRow>| {
        page.iter().map(|row| row.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(store.list_performances(None, 2).await.unwrap()), ["a", "b"]);
    assert_eq!(ids(store.list_performances(Some(&"b".into()), 2).await.unwrap()), ["c"]);
    assert_eq!(ids(store.list_performances(Some(&"c".into()), 2).await.unwrap()), [""; 0]);
}

pub(crate) async fn a_cancellation_is_noted_once(fixture: &Fixture) {
    let store = &fixture.store;
    let row = |id: &str, at: u64, reason: &str| CancellationRow {
        performance: id.into(),
        cancelled_at: UnixMillis(at),
        cancelled_by: "ops".into(),
        reason: reason.into(),
    };
    for row in [row("b", 5, "fire"), row("b", 6, ""), row("d", 7, ""), row("B", 8, "")] {
        store.note_cancellation(&row).await.unwrap();
    }
    let between =
        async |first: &str, last: &str| store.cancellations(&first.into(), &last.into()).await.unwrap();
    assert_eq!(between("a", "d").await, [row("b", 5, "fire"), row("d", 7, "")]);
    assert_eq!(between("b", "b").await, [row("b", 5, "fire")]);
    assert_eq!(between("c", "c").await, []);
}

pub(crate) async fn racing_creations_create_once(fixture: &Fixture) {
    let racers = (0..8).map(|_| {
        let store = fixture.store.clone();
        tokio::spawn(async move { store.create_venue(&venue("hall", 1, 11)).await.unwrap() })
    });
    let mut created = 0;
    for racer in racers.collect::<Vec<_>>() {
        match racer.await.unwrap() {
            CreateOutcome::Created => created += 1,
            CreateOutcome::Replayed(row) => assert_eq!(row, venue("hall", 1, 11)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(created, 1);
}

pub(crate) async fn the_clock_is_of_this_time(fixture: &Fixture) {
    fixture.store.ping().await.unwrap();
    let here = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let there = fixture.store.now().await.unwrap().0;
    assert!(there.abs_diff(here) < 10_000, "the store says {there}, this machine {here}");
}
