//! What a decision costs: `cargo bench -p earlybird-engine`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use earlybird_engine::best_available::{Wish, choose};
use earlybird_engine::*;

const NOW: Timestamp = Timestamp(1_000_000);
const BUYERS: u64 = 4_096;

/// Rows of fifty seats in two blocks, in one category.
fn layout(capacity: u32) -> Layout {
    let place = |seat: u32| SeatPlace {
        category: CategoryIndex(0),
        row: RowIndex(seat / 50),
        centre_distance: (2 * (seat % 50) + 1).abs_diff(50) * 250,
    };
    let row = |row: u32| Row {
        zone: ZoneIndex(0),
        front_distance: row * 900,
        blocks: [0..25, 25..50]
            .map(|block| block.map(|column| SeatIndex(row * 50 + column)).collect())
            .into(),
    };
    Layout {
        categories: vec!["standard".into()],
        zones: vec!["floor".into()],
        rows: (0..capacity / 50).map(row).collect(),
        seats: (0..capacity).map(place).collect(),
    }
}

fn state(capacity: u32) -> State {
    let closes_at = Timestamp(u64::MAX);
    let phase = SalePhase { audience: Audience::General, opens_at: NOW, closes_at, waitlist_open: true };
    let limits = Limits { waiters_per_seat_max: 1_000_000, ..Limits::default() };
    let price_minor_by_category = vec![99_000];
    let settings = Settings {
        phases: vec![phase],
        limits,
        price_minor_by_category,
        currency: "KRW".into(),
        refunds: RefundPolicy::default(),
        deposit_ttl_ms: None,
    };
    State::new(Arc::new(layout(capacity)), Arc::new(settings))
}

fn buyer(number: u64) -> BuyerId {
    BuyerId(format!("buyer-{number:08}").into())
}

/// An id that nobody could guess, as far as the hash table is concerned.
fn request(number: u64) -> Option<RequestStamp> {
    let id = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Some(RequestStamp { id: RequestId(id.to_le_bytes()), fingerprint: number })
}

fn commit(state: &mut State, now: Timestamp, command: &Command, changed: &mut Vec<SeatIndex>) -> Answer {
    changed.clear();
    match decide(state, now, command) {
        Ok(Decision::Commit(entry)) => evolve(state, &entry, changed),
        other => panic!("the benchmark only sends what is accepted: {other:?}"),
    }
}

fn block(state: &mut State, is_taken: impl Fn(u32) -> bool) {
    let seats = (0..state.capacity()).filter(|&seat| is_taken(seat)).map(SeatIndex).collect();
    let command = Command { request: None, action: Action::Block { seats } };
    commit(state, NOW, &command, &mut Vec::new());
}

/// Each round holds one seat and releases it, both with a `request_id` if wanted.
fn hold_and_release(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hold_and_release");
    group.throughput(Throughput::Elements(1));
    for (name, with_requests) in [("without_request_id", false), ("with_request_id", true)] {
        let mut state = state(10_000);
        let buyers: Vec<BuyerId> = (0..BUYERS).map(buyer).collect();
        let mut changed = Vec::new();
        let mut round = 0_u64;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                round += 1;
                let now = NOW.plus(Millis(round / 1_000));
                let buyer = buyers[(round.wrapping_mul(2_654_435_761) % BUYERS) as usize].clone();
                let seat = SeatIndex((round.wrapping_mul(7_919) % 10_000) as u32);
                let request = |part| if with_requests { request(2 * round + part) } else { None };
                let seats = Seats::from_slice(&[seat]);
                let action = Action::Hold { buyer: buyer.clone(), grade: None, seats };
                let held = commit(&mut state, now, &Command { request: request(0), action }, &mut changed);
                let Answer::Held { hold, .. } = held else { panic!("it was held") };
                let action = Action::ReleaseHold { buyer, hold };
                commit(&mut state, now, &Command { request: request(1), action }, &mut changed)
            });
        });
    }
    group.finish();
}

fn rejections(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reject");
    group.throughput(Throughput::Elements(1));
    let mut state = state(10_000);
    let mut changed = Vec::new();
    let hold = |seat: u32, number: u64| Command {
        request: request(number),
        action: Action::Hold {
            buyer: buyer(number),
            grade: None,
            seats: Seats::from_slice(&[SeatIndex(seat)]),
        },
    };
    for seat in 0..10_000 {
        commit(&mut state, NOW, &hold(seat, u64::from(seat)), &mut changed);
    }
    let late: Vec<Command> =
        (0..4_096).map(|round| hold(round * 7_919 % 10_000, 1_000_000 + u64::from(round))).collect();
    let repeated: Vec<Command> = (0..4_096).map(|round| hold(round, u64::from(round))).collect();
    for (name, commands) in [("seat_taken", late), ("replayed_request", repeated)] {
        let mut round = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                round += 1;
                decide(black_box(&state), NOW, &commands[round % commands.len()])
            });
        });
    }
    group.finish();
}

/// Whether a seat is taken.
type IsTaken = fn(u32) -> bool;

/// Fifty thousand seats, from empty to nearly sold out, and with no two free seats side by side.
fn best_available(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("best_available_of_50000");
    fn random(seat: u32) -> u32 {
        seat.wrapping_mul(2_654_435_761).rotate_left(15) % 1_000
    }
    let occupations: [(&str, IsTaken); 5] = [
        ("empty", |seat| seat == 0),
        ("front_half_sold", |seat| seat < 25_000),
        ("scattered_half_sold", |seat| random(seat) < 500),
        ("99_percent_sold", |seat| random(seat) < 990),
        ("every_second_sold", |seat| seat % 2 == 0),
    ];
    for (name, is_taken) in occupations {
        let mut state = state(50_000);
        block(&mut state, is_taken);
        for count in [2, 4] {
            let wish = Wish { count, category: None, zone: None };
            group.bench_function(format!("{name}/{count}"), |bencher| {
                bencher.iter(|| choose(black_box(&state), &wish))
            });
        }
    }
    group.finish();
}

/// A queue of ten thousand: join at the end, look, leave.
fn waitlist(criterion: &mut Criterion) {
    let mut state = state(1_000);
    let mut changed = Vec::new();
    let seat = SeatIndex(0);
    let take = Action::Hold { buyer: buyer(0), grade: None, seats: Seats::from_slice(&[seat]) };
    commit(&mut state, NOW, &Command { request: None, action: take }, &mut changed);
    let join = |number| Action::JoinWaitlist { buyer: buyer(number), grade: None, seat };
    for number in 1..=10_000 {
        commit(&mut state, NOW, &Command { request: None, action: join(number) }, &mut changed);
    }
    let last = buyer(10_000);
    criterion.bench_function("waitlist_of_10000/position_of_the_last", |bencher| {
        bencher.iter(|| black_box(&state).waitlist_position(&last, seat));
    });
    let mut number = 10_000;
    criterion.bench_function("waitlist_of_10000/join_and_leave", |bencher| {
        bencher.iter(|| {
            number += 1;
            commit(&mut state, NOW, &Command { request: None, action: join(number) }, &mut changed);
            let leave = Action::LeaveWaitlist { buyer: buyer(number), seat };
            commit(&mut state, NOW, &Command { request: None, action: leave }, &mut changed)
        });
    });
}

/// What recovery and handoff cost.
fn recovery(criterion: &mut Criterion) {
    let mut state = state(10_000);
    let mut entries = Vec::new();
    for number in 0..8_000_u64 {
        let seats = Seats::from_slice(&[SeatIndex(number as u32)]);
        let action = Action::Hold { buyer: buyer(number), grade: None, seats };
        let Ok(Decision::Commit(entry)) = decide(&state, NOW, &Command { request: request(number), action })
        else {
            panic!("the seat is free")
        };
        evolve(&mut state, &entry, &mut Vec::new());
        entries.push(encode_entry(&entry));
    }
    let bytes = encode_snapshot(&state.snapshot());
    let (layout, settings) = (Arc::new(state.layout().clone()), Arc::new(state.settings().clone()));
    let mut group = criterion.benchmark_group("recovery_of_10000_seats_8000_held");
    group.bench_function("take_snapshot", |bencher| bencher.iter(|| encode_snapshot(&state.snapshot())));
    group.bench_function("restore_snapshot", |bencher| {
        bencher.iter(|| {
            let snapshot = decode_snapshot(&bytes).expect("it was encoded");
            State::restore(layout.clone(), settings.clone(), snapshot).expect("it is sound")
        });
    });
    group.throughput(Throughput::Elements(entries.len() as u64));
    group.bench_function("replay_entries", |bencher| {
        bencher.iter(|| {
            let mut state = State::new(layout.clone(), settings.clone());
            let mut changed = Vec::new();
            for entry in &entries {
                changed.clear();
                evolve(&mut state, &decode_entry(entry).expect("it was encoded"), &mut changed);
            }
            state
        });
    });
    group.finish();
}

criterion_group!(benches, hold_and_release, rejections, best_available, waitlist, recovery);
criterion_main!(benches);
