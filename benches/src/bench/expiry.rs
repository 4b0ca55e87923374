//! A million live holds, and whether each lapses on time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use earlybird_engine::{Event, HoldId, Timestamp, decode_entry};
use earlybird_persistence::{PerformanceId, Sequence, Store, open as open_store};
use hdrhistogram::Histogram;
use rush::connect::Dialer;

use super::quantile_ms;
use crate::house;
use crate::load::{Holds, Probe, Timing, latencies, open};
use crate::row::{Figure, Goal, Row};
use crate::world::World;

const PERFORMANCES: u32 = 20;
const LATENESS_MS_MAX: f64 = 200.0;
const JOURNAL_PAGE_ENTRIES: usize = 10_000;
/// Between the last hold and the first deadline: all holds are alive then.
const PAUSE: Duration = Duration::from_secs(15);
/// Behind the last deadline.
const GRACE: Duration = Duration::from_secs(2);

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    // Holds are made at an even pace and live equally long, so their deadlines are spread as the pace is.
    let (seats, spread) =
        if world.quick { (5_000, Duration::from_secs(10)) } else { (50_000, Duration::from_secs(60)) };
    let store_url = world.database().await?;
    let node = world.node_on(&store_url, &[]).await?;
    let venue = house::import(&node.dialer, "hall", seats).await?;
    // Nobody else's: the probe must not take a seat that is counted.
    let probed = house::perform(&node.dialer, &venue, "probed", Duration::from_secs(3_600)).await?;
    let mut names = Vec::new();
    for number in 0..PERFORMANCES {
        let id = format!("gala-{number}");
        names.push(house::perform(&node.dialer, &venue, &id, spread + PAUSE).await?);
    }
    let probe = Probe::start(&node.dialer, &probed, 0);
    let holds = u64::from(seats * PERFORMANCES);
    let began = Instant::now();
    hold_all(&node.dialer, &names, seats, spread).await?;
    let took = began.elapsed();
    eprintln!("  {holds} holds in {took:.1?}; waiting for their deadlines");
    ensure!(took < spread + PAUSE, "the holds took {took:?}: the first lapsed before the last was made");
    tokio::time::sleep((spread + PAUSE + spread + GRACE).saturating_sub(began.elapsed())).await;
    let latency = probe.stop().await?;
    let lateness = lateness(&store_url, seats).await?;
    ensure!(lateness.len() == holds, "{} of {holds} holds have expired", lateness.len());
    let what = format!("{holds} live holds, deadlines spread over {} s", spread.as_secs());
    let row = |name: &str, histogram: &Histogram<u64>, share: f64, goal| {
        Row::new(format!("{what}: {name}"), Figure::milliseconds(quantile_ms(histogram, share)), goal)
    };
    Ok(vec![
        row("expired after the deadline, max", &lateness, 1.0, Goal::AtMost(LATENESS_MS_MAX)),
        row("expired after the deadline, p99.9", &lateness, 0.999, Goal::None),
        row("a caller's HoldSeats meanwhile, p99", &latency, 0.99, Goal::None),
        row("a caller's HoldSeats meanwhile, max", &latency, 1.0, Goal::None),
    ])
}

/// One hold for each seat of each performance, by a buyer of its own, within `spread`.
async fn hold_all(dialer: &Dialer, names: &[String], seats: u32, spread: Duration) -> anyhow::Result<()> {
    let holds = names.len() as f64 * f64::from(seats);
    let timing = Timing {
        per_second: holds / spread.as_secs_f64(),
        warm_up: Duration::ZERO,
        // A little longer, so that rounding leaves no hold out; a script without holds sends nothing.
        measured: spread + Duration::from_secs(1),
    };
    let scripts = names.iter().map(|name| Holds::new(name, 0..seats)).collect();
    let (_, tally, _) = open(dialer, scripts, timing).await?;
    ensure!(tally.accepted == holds as u64, "not all holds were accepted: {tally:?}");
    Ok(())
}

/// How long after their deadlines the holds expired, in microseconds, from the journals.
async fn lateness(store_url: &str, seats: u32) -> anyhow::Result<Histogram<u64>> {
    let store = open_store(store_url).await?;
    let mut lateness = latencies()?;
    for number in 0..PERFORMANCES {
        of_performance(&*store, &format!("gala-{number}").into(), &mut lateness)
            .await
            .with_context(|| format!("the journal of gala-{number}, {seats} seats"))?;
    }
    store.close().await;
    Ok(lateness)
}

async fn of_performance(
    store: &dyn Store,
    id: &PerformanceId,
    lateness: &mut Histogram<u64>,
) -> anyhow::Result<()> {
    let mut deadlines: HashMap<HoldId, Timestamp> = HashMap::new();
    let mut after = Sequence::NONE;
    loop {
        let page = store.journal(id, after, JOURNAL_PAGE_ENTRIES).await?;
        for record in &page {
            after = record.sequence;
            let entry = decode_entry(&record.body)?;
            for event in &entry.events {
                match event {
                    Event::Held { hold, deadline, .. } => _ = deadlines.insert(*hold, *deadline),
                    Event::Expired { hold } => {
                        let deadline = deadlines.remove(hold).context("an unknown hold expired")?;
                        let late_ms = entry.at.0.checked_sub(deadline.0).context("a hold expired early")?;
                        lateness.saturating_record(late_ms * 1_000);
                    }
                    _ => {}
                }
            }
        }
        if page.len() < JOURNAL_PAGE_ENTRIES {
            return Ok(());
        }
    }
}
