//! The engine alone: what one core decides and evolves, with nothing around it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use earlybird_engine::*;

use crate::row::{Figure, Goal, Row as Told};
use crate::world::World;

const SEATS: u32 = 10_000;
const SEATS_PER_ROW: u32 = 50;
const NOW: Timestamp = Timestamp(1_000_000);
/// Work between two looks at the clock.
const BATCH: u32 = SEATS;
/// Until as many requests are remembered as a performance remembers: from there on each new one replaces an old one.
const WARM_UP_BATCHES: u32 = 60;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Told>> {
    let span = Duration::from_secs(if world.quick { 1 } else { 3 });
    let measure = move || anyhow::Ok((pairs(span, false)?, pairs(span, true)?, rejections(span)?));
    let (alone, remembered, rejections) = tokio::task::spawn_blocking(measure).await??;
    Ok(vec![
        Told::new(
            "engine, one core: hold and release, decided and evolved, pairs",
            Figure::per_second(alone),
            Goal::AtLeast(2_000_000.0),
        ),
        Told::new(
            "engine, one core: the same pairs, with 1,000,000 request ids remembered",
            Figure::per_second(remembered),
            Goal::None,
        ),
        Told::new(
            "engine, one core: SEAT_TAKEN rejections",
            Figure::per_second(rejections),
            Goal::AtLeast(10_000_000.0),
        ),
    ])
}

/// Holds and releases of seats in scattered order, each with a `request_id` or all without.
fn pairs(span: Duration, with_ids: bool) -> anyhow::Result<f64> {
    let mut state = state();
    let mut changed = Vec::new();
    let mut holds: Vec<Command> =
        (0..SEATS).map(|number| hold(number.wrapping_mul(7_919) % SEATS, number)).collect();
    let mut releases: Vec<Command> = (0..SEATS)
        .map(|number| Command {
            request: None,
            action: Action::ReleaseHold { buyer: buyer(number), hold: HoldId(0) },
        })
        .collect();
    let mut round = 0;
    per_second(span, WARM_UP_BATCHES, || {
        for (take, give) in holds.iter_mut().zip(&mut releases) {
            round += 1;
            // Time goes on as it would at this pace, so that old request ids are forgotten as they would be.
            let now = NOW.plus(Millis(round / 2_000));
            take.request = with_ids.then(|| request(2 * round));
            let Answer::Held { hold: held, .. } = commit(&mut state, now, take, &mut changed)? else {
                bail!("a hold was answered with something else")
            };
            give.request = with_ids.then(|| request(2 * round + 1));
            if let Action::ReleaseHold { hold, .. } = &mut give.action {
                *hold = held;
            }
            commit(&mut state, now, give, &mut changed)?;
        }
        Ok(())
    })
}

/// Holds of seats that are taken, by buyers who have nothing.
fn rejections(span: Duration) -> anyhow::Result<f64> {
    let mut state = state();
    for seat in 0..SEATS {
        commit(&mut state, NOW, &hold(seat, seat), &mut Vec::new())?;
    }
    let late: Vec<Command> =
        (0..SEATS).map(|number| hold(number.wrapping_mul(7_919) % SEATS, SEATS + number)).collect();
    per_second(span, 1, || {
        for command in &late {
            if black_box(decide(black_box(&state), NOW, command)).is_ok() {
                bail!("a seat that is taken was given again");
            }
        }
        Ok(())
    })
}

/// How often something is done in a second of this thread's own time, when each call does it [`BATCH`] times.
fn per_second(
    span: Duration,
    warm_up_batches: u32,
    mut batch: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    for _ in 0..warm_up_batches {
        batch()?;
    }
    let (start, began) = (Instant::now(), own_time());
    let mut batches = 0;
    while start.elapsed() < span {
        batch()?;
        batches += 1;
    }
    let spent = own_time().zip(began).map_or_else(|| start.elapsed(), |(now, began)| now - began);
    Ok(f64::from(BATCH) * f64::from(batches) / spent.as_secs_f64())
}

/// How long this thread has been on a core: what else runs on the machine does not count. None where the system does not
/// tell.
fn own_time() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn commit(
    state: &mut State,
    now: Timestamp,
    command: &Command,
    changed: &mut Vec<SeatIndex>,
) -> anyhow::Result<Answer> {
    changed.clear();
    match decide(state, now, command) {
        Ok(Decision::Commit(entry)) => Ok(evolve(state, &entry, changed)),
        other => bail!("the engine did not accept {command:?}: {other:?}"),
    }
}

fn hold(seat: u32, number: u32) -> Command {
    let seats = Seats::from_slice(&[SeatIndex(seat)]);
    let request = Some(request(u64::from(number) << 40));
    Command { request, action: Action::Hold { buyer: buyer(number), grade: None, seats } }
}

fn buyer(number: u32) -> BuyerId {
    BuyerId(format!("buyer-{number:08}").into())
}

/// An id that looks as random as a UUID does.
fn request(number: u64) -> RequestStamp {
    let id = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    RequestStamp { id: RequestId(id.to_le_bytes()), fingerprint: number }
}

/// A house of rows in one category, on sale for ever.
fn state() -> State {
    let place = |seat: u32| SeatPlace {
        category: CategoryIndex(0),
        row: RowIndex(seat / SEATS_PER_ROW),
        centre_distance: (2 * (seat % SEATS_PER_ROW) + 1).abs_diff(SEATS_PER_ROW),
    };
    let row = |row: u32| Row {
        zone: ZoneIndex(0),
        front_distance: row,
        blocks: vec![(row * SEATS_PER_ROW..(row + 1) * SEATS_PER_ROW).map(SeatIndex).collect()],
    };
    let layout = Layout {
        categories: vec!["R".into()],
        zones: vec!["floor".into()],
        rows: (0..SEATS / SEATS_PER_ROW).map(row).collect(),
        seats: (0..SEATS).map(place).collect(),
    };
    let phase = SalePhase {
        audience: Audience::General,
        opens_at: NOW,
        closes_at: Timestamp(u64::MAX),
        waitlist_open: true,
    };
    let settings = Settings {
        phases: vec![phase],
        limits: Limits::default(),
        price_minor_by_category: vec![99_000],
        currency: "KRW".into(),
        refunds: RefundPolicy::default(),
        deposit_ttl_ms: None,
    };
    State::new(Arc::new(layout), Arc::new(settings))
}
