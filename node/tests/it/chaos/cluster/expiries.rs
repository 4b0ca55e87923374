//! An outage of the whole cluster that outlasts the holds.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use earlybird_engine::{Entry, Event, HoldId, Timestamp, decode_entry};
use earlybird_persistence::testing::skips_postgres;
use earlybird_persistence::{self as store, PerformanceId, Sequence};
use futures::{StreamExt as _, stream};

use super::Cluster;
use crate::chaos::eventually;

const HELD: u32 = 240;
/// One seat of so many is given back and held again, so that holds are not stored in the order of their deadlines.
const HELD_AGAIN_EVERY: u32 = 3;
const HOLD_TTL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(20);
/// Calls at a time.
const CALLS: usize = 16;

/// Every seat is held, and has two waiters.
async fn fill(cluster: &Cluster) {
    let client = cluster.client(0);
    let hold = async |seat: u32| {
        let held = client.hold("late", &format!("holder-{seat}"), &[seat], TIMEOUT).await;
        held.expect("the seat is free").name
    };
    let mut holds: Vec<(u32, String)> = stream::iter(0..HELD)
        .map(async |seat| (seat, hold(seat).await))
        .buffer_unordered(CALLS)
        .collect()
        .await;
    holds.retain(|(seat, _)| seat % HELD_AGAIN_EVERY == 0);
    for (seat, name) in holds {
        client.release(name, &format!("holder-{seat}")).await.expect("it lives");
    }
    for seat in (0..HELD).step_by(HELD_AGAIN_EVERY as usize) {
        hold(seat).await;
    }
    for place in ["first", "second"] {
        let join = async |seat: u32| {
            client.join("late", &format!("{place}-{seat}"), seat).await.expect("it is taken");
        };
        stream::iter(0..HELD).for_each_concurrent(CALLS, join).await;
    }
}

/// The journal of the performance.
async fn journal(cluster: &Cluster) -> Vec<Entry> {
    let store = store::open(&cluster.url).await.expect("the store opens");
    let rows = store.journal(&PerformanceId::from("late"), Sequence::NONE, 100_000).await;
    let entries =
        rows.expect("the journal").iter().map(|row| decode_entry(&row.body).expect("an entry")).collect();
    store.close().await;
    entries
}

/// Waits until the last hold is past its deadline, by the clock that counts: the store's.
async fn outlast_holds(cluster: &Cluster, entries: &[Entry]) {
    let deadline =
        |event: &Event| if let Event::Held { deadline, .. } = event { Some(*deadline) } else { None };
    let last = entries.iter().flat_map(|entry| &entry.events).filter_map(deadline).max();
    let last = last.expect("seats are held");
    let store = store::open(&cluster.url).await.expect("the store opens");
    let is_over = async || (store.now().await.expect("the store answers").0 > last.0).then_some(());
    eventually("every hold is past its deadline", is_over).await;
    store.close().await;
}

/// When each hold that has expired was due, in the order of the journal; and each freed seat went to the first of its line.
fn expiries(entries: &[Entry]) -> Vec<Timestamp> {
    let (mut held, mut due) = (HashMap::<HoldId, (Timestamp, u32)>::new(), Vec::new());
    for entry in entries {
        match &entry.events[..] {
            [Event::Held { hold, deadline, seats, .. }] => {
                held.insert(*hold, (*deadline, seats[0].0));
            }
            [Event::Expired { hold }, then @ ..] => {
                // Offers that lapse in their turn are none of the holds.
                let Some((deadline, freed)) = held.get(hold) else { continue };
                let [Event::Offered { buyer, seat, .. }] = then else {
                    panic!("{then:?} after seat {freed}")
                };
                assert_eq!((&*buyer.0, seat.0), (&*format!("first-{freed}"), *freed));
                due.push(*deadline);
            }
            _ => {}
        }
    }
    due
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_that_lapsed_during_an_outage_expire_in_the_order_in_which_they_were_due() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(2).await.with("CLUSTER__REBALANCE", "manual");
    let servers = cluster.start_uneven().await;
    cluster.client(0).create("late", HOLD_TTL).await;
    cluster.move_to(0, "late", 1).await.expect("it is brought there");
    fill(&cluster).await;
    for server in servers {
        server.kill().await;
    }
    let before = journal(&cluster).await;
    assert!(expiries(&before).is_empty(), "the holds outlast their making");
    outlast_holds(&cluster, &before).await;
    let began = Instant::now();
    // Its owner does not come back.
    let server = cluster.sites[0].start().await;
    let due = eventually("all holds have expired", async || {
        let due = expiries(&journal(&cluster).await);
        (due.len() == HELD as usize).then_some(due)
    })
    .await;
    println!("{} expiries, all of them {:?} after the node's start", due.len(), began.elapsed());
    assert!(due.is_sorted(), "who was due first is first");
    let servers = vec![server, cluster.sites[1].start().await];
    cluster.judge(servers, Vec::new()).await;
}
