//! Reading the seat map of a large house.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use earlybird_proto::v1::GetSeatMapRequest;
use rush::connect::{Wire, seating};

use super::median;
use crate::house;
use crate::row::{Figure, Goal, Row};
use crate::world::World;

const SEATS: u32 = 50_000;
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 32;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let node = world.node(&[]).await?;
    let venue = house::import(&node.dialer, "hall", SEATS).await?;
    let performance = house::perform(&node.dialer, &venue, "gala", Duration::from_secs(3_600)).await?;
    house::fill(&node.dialer, &performance, 0..SEATS / 2).await?;
    let wires: Vec<Wire> = (0..CONNECTIONS).map(|number| node.dialer.channel(number)).collect();
    let mut rates = Vec::new();
    for _ in 0..world.rounds() {
        rates.push(reads(world, &wires, &performance).await?);
        eprintln!("  {:.0?}/s", rates.last());
    }
    let what = format!("GetSeatMap of {SEATS} seats, unary, {IN_FLIGHT} in flight");
    Ok(vec![Row::new(what, Figure::per_second(median(rates)), Goal::AtLeast(2_000.0))])
}

/// Maps read a second.
async fn reads(world: &World, wires: &[Wire], performance: &str) -> anyhow::Result<f64> {
    let counted = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
    let mut readers = tokio::task::JoinSet::new();
    for number in 0..IN_FLIGHT {
        let mut client = seating(&wires[number % wires.len()]);
        let (performance, counted) = (performance.to_owned(), Arc::clone(&counted));
        readers.spawn(async move {
            while !counted.1.load(Ordering::Relaxed) {
                let request = GetSeatMapRequest { performance: performance.clone() };
                let map = client.get_seat_map(request).await?.into_inner();
                ensure!(map.states.len() == SEATS as usize, "a map of {} seats", map.states.len());
                counted.0.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    let span = world.span();
    tokio::time::sleep(span.warm_up).await;
    let (before, since) = (counted.0.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(span.measured).await;
    let rate = (counted.0.load(Ordering::Relaxed) - before) as f64 / since.elapsed().as_secs_f64();
    counted.1.store(true, Ordering::Relaxed);
    while let Some(reader) = readers.join_next().await {
        reader??;
    }
    Ok(rate)
}
