//! Long journals that the engine made.

use std::sync::Arc;

use earlybird_engine::*;
use earlybird_persistence as store;
use earlybird_persistence::{Bucket, Epoch, JournalRecord, OrderRow, Seat, SnapshotRow, UnixMillis};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::market::wish;
use super::script::*;
use crate::audit::findings::Findings;
use crate::audit::journal::conclude;
use crate::audit::orders_table::OrdersTable;
use crate::audit::replay::Replay;
use crate::audit::rule::Rule;
use crate::shard::{order_details, state_name};

const COMMANDS: u32 = 20_000;

/// A sale of forty seats, on a node that is restarted now and then.
struct Sale {
    random: StdRng,
    state: State,
    now: u64,
    epoch: u64,
    requests: u128,
    records: Vec<JournalRecord>,
}

impl Sale {
    fn new(seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let state = State::new(layout(40), settings());
        Self { random, state, now: BEGINNING, epoch: 1, requests: 0, records: Vec::new() }
    }

    fn run(&mut self, commands: u32) {
        for _ in 0..commands {
            self.now += self.random.random_range(0..50);
            if self.random.random_bool(0.001) {
                self.now += 5_000;
                self.epoch += 1;
            }
            self.expire();
            // Every tenth request is one that was sent before.
            let back = if self.random.random_bool(0.1) { 1 } else { 0 };
            self.requests += 1 - back;
            let id = RequestId(self.requests.to_be_bytes());
            let action = wish(&mut self.random, &self.state);
            let fingerprint = 0;
            self.act(&Command { request: Some(RequestStamp { id, fingerprint }), action });
        }
    }

    fn expire(&mut self) {
        let now = Timestamp(self.now);
        let due = |hold: &HoldView<'_>| hold.order.is_none() && hold.deadline <= now;
        let mut due: Vec<HoldId> = self.state.holds().filter(due).map(|hold| hold.hold).collect();
        due.sort_unstable();
        for hold in due {
            self.act(&Command { request: None, action: Action::ExpireHold { hold } });
        }
    }

    fn act(&mut self, command: &Command) {
        if let Ok(Decision::Commit(entry)) = decide(&self.state, Timestamp(self.now), command) {
            evolve(&mut self.state, &entry, &mut Vec::new());
            self.records.push(record(&entry, self.epoch));
        }
    }

    fn rows(&self) -> impl Iterator<Item = OrderRow> {
        self.state.orders().map(|order| OrderRow {
            performance: "carmen".into(),
            order: store::OrderId(order.order.0),
            buyer: (&*order.buyer.0).into(),
            state: state_name(&order).into(),
            amount_minor: order.amount_minor,
            refunded_minor: order.refunded_minor,
            currency: "KRW".into(),
            seats: order.seats.iter().map(|seat| Seat(seat.0)).collect(),
            payment_key: Some(order.payment_key.into()),
            created_at: UnixMillis(order.began_at.0),
            updated_at: UnixMillis(order.changed_at.0),
            sequence: store::Sequence(order.last_sequence.0),
            hold: store::HoldId(order.hold.0),
            seats_left: order.seats_left.iter().map(|seat| Seat(seat.0)).collect(),
            decline_reason: order.decline_reason.map(Into::into),
            details: order_details(&self.state, &order),
        })
    }

    fn snapshot(&self) -> SnapshotRow {
        SnapshotRow {
            performance: "carmen".into(),
            bucket: Bucket::new(0).unwrap(),
            epoch: Epoch(self.epoch),
            sequence: store::Sequence(self.state.sequence().0),
            at: UnixMillis(self.now),
            body: encode_snapshot(&self.state.snapshot()).into(),
        }
    }
}

#[test]
fn a_random_sale_is_clean() {
    let mut sale = Sale::new(1);
    sale.run(COMMANDS / 2);
    let snapshot = sale.snapshot();
    sale.run(COMMANDS / 2);
    let mut replay = Replay::new(&layout(40), &settings(), Millis(200), 1_000, u64::MAX);
    replay.expect_snapshot(&snapshot);
    assert!(sale.records.iter().all(|record| replay.record(record).is_continue()));
    assert_eq!(replay.events.len(), 17, "some kind of event never happened: {:?}", replay.events);
    let mut replay = conclude(replay, Some(sale.state.clone()));
    let Replay { ledger, findings, entries, .. } = &mut replay;
    let mut table = OrdersTable::new(ledger, "KRW", *entries);
    sale.rows().for_each(|row| table.row(&row, findings));
    table.end(findings);
    let checks = std::mem::replace(findings, Findings::new()).into_checks();
    let broken: Vec<_> = checks.iter().filter(|check| check.violations > 0).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let idle: Vec<_> = checks.iter().filter(|check| check.checked == 0).collect();
    assert!(idle.is_empty(), "checked nothing: {idle:?}");
    let lateness = replay.ledger.into_lateness();
    assert!(lateness.expired > 100 && lateness.excused > 0 && lateness.max_ms < 200, "{lateness:?}");
}

/// An engine that offers a freed seat to the second waiter replays its own journal without a fault.
#[test]
fn the_ledger_notices_what_the_engine_does_not() {
    let mut sale = Sale::new(2);
    sale.run(COMMANDS / 10);
    let offers = |entry: &Entry| matches!(entry.events.last(), Some(Event::Offered { .. }));
    let mut replay = Replay::new(&layout(40), &settings(), Millis(200), u64::MAX, u64::MAX);
    let mut state = State::new(layout(40), settings());
    for record in &sale.records {
        let mut entry = decode_entry(&record.body).unwrap();
        let other = offers(&entry).then(|| second_waiter(&state, &entry)).flatten();
        if let (Some(other), Some(Event::Offered { buyer, .. })) = (other, entry.events.last_mut()) {
            *buyer = other;
            assert!(replay.record(&self::record(&entry, record.epoch.0)).is_continue());
            assert!(replay.engine.is_some(), "the engine takes it");
            assert_violation(replay, Rule::JoinOrder, 1, "overtakes");
            return;
        }
        evolve(&mut state, &entry, &mut Vec::new());
        assert!(replay.record(record).is_continue());
    }
    panic!("no seat with two eligible waiters was offered");
}

/// Somebody else who waits for the seat of the entry's last offer and has no seats.
fn second_waiter(state: &State, entry: &Entry) -> Option<BuyerId> {
    let Some(Event::Offered { buyer, seat, .. }) = entry.events.last() else { return None };
    let waits = |name: &BuyerId| state.waitlist_position(name, *seat).is_some_and(|place| place > 1);
    let mut others = (0..40).map(|number| BuyerId(format!("buyer-{number}").into()));
    others.find(|name| name != buyer && waits(name) && state.claims_of(name) == 0)
}

/// Any byte of a journal damaged: a report, never a panic.
#[test]
fn a_damaged_random_journal_is_a_report() {
    let mut sale = Sale::new(3);
    sale.run(300);
    let (layout, settings) = (layout(40), settings());
    for damaged in (0..sale.records.len()).step_by(5) {
        let mut body = sale.records[damaged].body.to_vec();
        let place = sale.random.random_range(0..body.len());
        body[place] = sale.random.random();
        let mut replay = Replay::new(&layout, &settings, Millis(200), 50, u64::MAX);
        for (index, record) in sale.records.iter().enumerate() {
            let mut record = record.clone();
            if index == damaged {
                record.body = body.clone().into();
            }
            if replay.record(&record).is_break() {
                break;
            }
        }
        drop(conclude(replay, Some(State::new(Arc::clone(&layout), Arc::clone(&settings)))));
    }
}
