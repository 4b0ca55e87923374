//! What a performance costs in memory, counted by the allocator: `cargo run --release -p earlybird-engine --example memory`.
//!
//! The worst case for a hold: each seat is held alone by a buyer of its own, and every request is remembered. The layout
//! is counted too, although the performances of a venue can share it.

use std::alloc::System;
use std::sync::Arc;

use earlybird_engine::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NOW: Timestamp = Timestamp(1_000_000);
/// What the design allows.
const BYTES_PER_FREE_SEAT_MAX: f64 = 64.0;
const BYTES_PER_HELD_SEAT_MAX: f64 = 400.0;

fn layout(capacity: u32) -> Layout {
    let place = |seat: u32| SeatPlace {
        category: CategoryIndex(0),
        row: RowIndex(seat / 25),
        centre_distance: seat % 25,
    };
    let row = |row: u32| {
        let seats = (row * 25..capacity.min(row * 25 + 25)).map(SeatIndex);
        Row { zone: ZoneIndex(0), front_distance: row, blocks: vec![seats.collect()] }
    };
    Layout {
        categories: vec!["standard".into()],
        zones: vec!["floor".into()],
        rows: (0..capacity.div_ceil(25)).map(row).collect(),
        seats: (0..capacity).map(place).collect(),
    }
}

fn settings() -> Settings {
    let closes_at = Timestamp(u64::MAX);
    let phase = SalePhase { audience: Audience::General, opens_at: NOW, closes_at, waitlist_open: true };
    let (limits, price_minor_by_category) = (Limits::default(), vec![99_000]);
    Settings {
        phases: vec![phase],
        limits,
        price_minor_by_category,
        currency: "KRW".into(),
        refunds: RefundPolicy::default(),
        deposit_ttl_ms: None,
    }
}

fn commit(state: &mut State, number: u64, action: Action, changed: &mut Vec<SeatIndex>) {
    let id = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let request = Some(RequestStamp { id: RequestId(id.to_le_bytes()), fingerprint: number });
    changed.clear();
    // Nothing is rejected or replayed: each seat is held once, and each command has a request id of its own.
    match decide(state, NOW, &Command { request, action }) {
        Ok(Decision::Commit(entry)) => evolve(state, &entry, changed),
        other => panic!("the seat is free: {other:?}"),
    };
}

/// A name as long as a UUID.
fn buyer(number: u64) -> BuyerId {
    BuyerId(format!("{number:036}").into())
}

fn main() {
    println!("{:>9} {:>16} {:>16} {:>18}", "seats", "free, B/seat", "held, B/seat", "waiting, B/place");
    // Also one seat more than a power of two can hold in a hash table: the least favourable number.
    for capacity in [1_000, 10_000, 14_337, 50_000, 57_345, 100_000] {
        let region = Region::new(ALLOCATOR);
        let live = || {
            let change = region.change();
            (change.bytes_allocated as isize - change.bytes_deallocated as isize) as f64
        };
        let per_seat = |bytes: f64| bytes / f64::from(capacity);
        let mut state = State::new(Arc::new(layout(capacity)), Arc::new(settings()));
        let free = per_seat(live());
        let mut changed = Vec::with_capacity(8);
        for seat in 0..capacity {
            let seats = Seats::from_slice(&[SeatIndex(seat)]);
            let action = Action::Hold { buyer: buyer(seat.into()), grade: None, seats };
            commit(&mut state, seat.into(), action, &mut changed);
        }
        let held = per_seat(live());
        for seat in 0..capacity {
            // Ten seats have ten waiters each, and so on: queues of all lengths.
            let number = u64::from(seat) + 1_000_000;
            let action =
                Action::JoinWaitlist { buyer: buyer(number), grade: None, seat: SeatIndex(seat / 10) };
            commit(&mut state, number, action, &mut changed);
        }
        let waiting = per_seat(live()) - held;
        println!("{capacity:>9} {free:>16.1} {held:>16.1} {waiting:>18.1}");
        assert!(free <= BYTES_PER_FREE_SEAT_MAX, "a free seat costs {free} bytes");
        assert!(held <= BYTES_PER_HELD_SEAT_MAX, "a held seat costs {held} bytes");
    }
}
