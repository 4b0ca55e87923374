//! From nothing to the first answer, with a journal of a hundred thousand entries in between.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Reply;
use earlybird_proto::v1::{GetSeatMapRequest, SeatCounts, SessionRequest};
use rush::connect::{Dialer, seating};

use super::median;
use crate::house;
use crate::load::{Commands, send_all};
use crate::row::{Figure, Goal, Row};
use crate::world::World;

/// Each seat is held, and a third of them given back: a hundred thousand entries, and a state that is not trivial.
const SEATS: u32 = 75_000;
const RELEASED: u32 = 25_000;
/// No snapshot is made: all of the journal is read.
const WITHOUT_SNAPSHOTS: [(&str, &str); 1] = [("EARLYBIRD_SHARD__SNAPSHOT_EVERY_ENTRIES", "100000000")];

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let file = world.folder()?.join("recovery.db");
    let stores =
        [("PostgreSQL", world.database().await?), ("SQLite", format!("sqlite://{}", file.display()))];
    let mut rows = Vec::new();
    for (name, url) in stores {
        let took = of_store(world, &url).await.with_context(|| name.to_owned())?;
        eprintln!("  {name}: {took:?}");
        let what = format!("recovery of {} entries, {name}, process start to first answer", SEATS + RELEASED);
        let took_ms = Figure::milliseconds(took.as_secs_f64() * 1_000.0);
        rows.push(Row::new(what, took_ms, Goal::AtMost(1_000.0)));
    }
    Ok(rows)
}

async fn of_store(world: &World, url: &str) -> anyhow::Result<Duration> {
    let mut node = world.node_on(url, &WITHOUT_SNAPSHOTS).await?;
    let venue = house::import(&node.dialer, "hall", SEATS).await?;
    let performance = house::perform(&node.dialer, &venue, "gala", Duration::from_secs(3_600)).await?;
    write_journal(&node.dialer, &performance).await?;
    let mut times = Vec::new();
    for _ in 0..world.rounds() {
        node.kill();
        let began = Instant::now();
        node = world.node_on(url, &WITHOUT_SNAPSHOTS).await?;
        let request = GetSeatMapRequest { performance: performance.clone() };
        let map = seating(&node.dialer.channel(0)).get_seat_map(request).await?.into_inner();
        times.push(began.elapsed().as_secs_f64());
        let expected = SeatCounts { free: RELEASED, held: SEATS - RELEASED, ..SeatCounts::default() };
        ensure!(map.counts == Some(expected), "{expected:?} was written, {:?} came back", map.counts);
    }
    Ok(Duration::from_secs_f64(median(times)))
}

async fn write_journal(dialer: &Dialer, performance: &str) -> anyhow::Result<()> {
    let mut commands = Commands::new(performance);
    let wire = dialer.channel(0);
    let request = |command| SessionRequest { tag: 0, timeout_ms: 0, command: Some(command) };
    let holds = (0..SEATS).map(|seat| request(Command::HoldSeats(commands.hold(vec![seat]))));
    let held = send_all(&wire, holds).await?;
    let releases = held.into_iter().take(RELEASED as usize).filter_map(|response| match response.result {
        Some(Reply::Hold(hold)) => {
            Some(request(Command::ReleaseHold(commands.release(&hold.name, &hold.buyer_id))))
        }
        _ => None,
    });
    send_all(&wire, releases).await.map(drop)
}
