//! Journals written by hand.

use std::sync::Arc;

use earlybird_engine::*;
use earlybird_persistence as store;
use earlybird_persistence::{Epoch, JournalRecord, UnixMillis};

use crate::audit::journal::conclude;
use crate::audit::replay::Replay;
use crate::audit::rule::Rule;

/// When the journals begin.
pub(super) const BEGINNING: u64 = 1_000_000;

/// A row of ten seats at 100 each.
pub(super) fn layout(seats: u32) -> Arc<Layout> {
    let place = |seat: u32| SeatPlace { category: CategoryIndex(0), row: RowIndex(0), centre_distance: seat };
    let row =
        Row { zone: ZoneIndex(0), front_distance: 0, blocks: vec![(0..seats).map(SeatIndex).collect()] };
    Arc::new(Layout {
        categories: vec!["standard".into()],
        zones: vec!["floor".into()],
        rows: vec![row],
        seats: (0..seats).map(place).collect(),
    })
}

/// Holds and offers live for a second; a buyer has two seats at most.
pub(super) fn settings() -> Arc<Settings> {
    let limits = Limits {
        seats_per_hold_max: 2,
        seats_per_buyer_max: 2,
        waitlist_entries_per_buyer_max: 3,
        waiters_per_seat_max: 4,
        hold_extensions_max: 1,
        hold_ttl_ms: Millis(1_000),
        offer_ttl_ms: Millis(1_000),
        hold_total_ms_max: Millis(2_000),
        payment_attempts_max: 3,
        request_memory_ms: Millis(5_000),
        requests_remembered_max: 3,
    };
    let (opens_at, closes_at) = (Timestamp(0), Timestamp(u64::MAX));
    let phase = SalePhase { audience: Audience::General, opens_at, closes_at, waitlist_open: true };
    Arc::new(Settings {
        phases: vec![phase],
        limits,
        price_minor_by_category: vec![100],
        currency: "KRW".into(),
        refunds: RefundPolicy { fee: RefundFee::BasisPoints(1_000), ..RefundPolicy::default() },
        deposit_ttl_ms: Some(Millis(3_000)),
    })
}

/// A journal that grows by what a test says.
pub(crate) struct Script {
    pub(crate) records: Vec<JournalRecord>,
    pub(super) now: u64,
    epoch: u64,
    holds: u64,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self { records: Vec::new(), now: BEGINNING, epoch: 1, holds: 0 }
    }

    pub(super) fn pass(&mut self, span_ms: u64) -> &mut Self {
        self.now += span_ms;
        self
    }

    pub(super) fn epoch(&mut self, epoch: u64) -> &mut Self {
        self.epoch = epoch;
        self
    }

    /// One entry with these events.
    pub(super) fn entry(&mut self, events: impl IntoIterator<Item = Event>) -> &mut Self {
        self.push(None, events)
    }

    /// The same, asked for by this request.
    pub(super) fn request(&mut self, request: u8, events: impl IntoIterator<Item = Event>) -> &mut Self {
        let stamp = RequestStamp { id: RequestId([request; 16]), fingerprint: 0 };
        self.push(Some(stamp), events)
    }

    fn push(&mut self, request: Option<RequestStamp>, events: impl IntoIterator<Item = Event>) -> &mut Self {
        let sequence = Sequence(self.records.len() as u64 + 1);
        let events = events.into_iter().collect();
        let entry = Entry { sequence, at: Timestamp(self.now), request, events };
        self.records.push(record(&entry, self.epoch));
        self
    }

    /// The event of a new hold for a second.
    pub(super) fn held(&mut self, buyer: &str, seats: &[u32]) -> Event {
        self.holds += 1;
        let (hold, deadline) = (HoldId(self.holds), Timestamp(self.now + 1_000));
        Event::Held { hold, buyer: buyer.into(), seats: indices(seats), deadline, together: None }
    }

    /// The event of a new offer for a second.
    pub(super) fn offered(&mut self, buyer: &str, seat: u32) -> Event {
        self.holds += 1;
        let (hold, deadline) = (HoldId(self.holds), Timestamp(self.now + 1_000));
        Event::Offered { hold, buyer: buyer.into(), seat: SeatIndex(seat), deadline }
    }

    pub(crate) fn hold(&mut self, buyer: &str, seats: &[u32]) -> &mut Self {
        let event = self.held(buyer, seats);
        self.entry([event])
    }

    pub(super) fn join(&mut self, buyer: &str, seat: u32) -> &mut Self {
        self.entry([Event::WaitlistJoined { seat: SeatIndex(seat), buyer: buyer.into() }])
    }

    /// Holds and pays; the order is said, as the hold is, by the caller.
    pub(super) fn buy(&mut self, buyer: &str, seats: &[u32], order: u64) -> &mut Self {
        self.hold(buyer, seats);
        let begun = begun(order, self.holds, 100 * seats.len() as i64);
        self.entry([begun]).entry([Event::PaymentConfirmed { order: OrderId(order) }])
    }

    pub(super) fn replay(&self) -> Replay {
        let mut replay = Replay::new(&layout(10), &settings(), Millis(200), 1, u64::MAX);
        for record in &self.records {
            if replay.record(record).is_break() {
                break;
            }
        }
        replay
    }

    #[track_caller]
    pub(super) fn assert_clean(&mut self) -> &mut Self {
        let violations = violations(conclude(self.replay(), None));
        assert!(violations.is_empty(), "{violations:?}");
        self
    }

    /// Some violation of the rule has an example with this text, and there are `count` of them.
    #[track_caller]
    pub(super) fn assert_violates(&self, rule: Rule, count: u64, text: &str) {
        assert_violation(conclude(self.replay(), None), rule, count, text);
    }
}

#[track_caller]
pub(super) fn assert_violation(replay: Replay, rule: Rule, count: u64, text: &str) {
    let checks = replay.findings.into_checks();
    let check = &checks[rule as usize];
    let told = check.examples.iter().any(|example| example.contains(text));
    let (violations, examples) = (check.violations, &check.examples);
    assert!(told && violations == count, "wanted {count} with {text:?}, found {violations}: {examples:#?}");
}

/// What was found: the rules with their examples.
pub(super) fn violations(replay: Replay) -> Vec<(Rule, Vec<String>)> {
    let checks = replay.findings.into_checks();
    let broken = Rule::ALL.into_iter().zip(checks).filter(|(_, check)| check.violations > 0);
    broken.map(|(rule, check)| (rule, check.examples)).collect()
}

pub(super) fn record(entry: &Entry, epoch: u64) -> JournalRecord {
    JournalRecord {
        sequence: store::Sequence(entry.sequence.0),
        epoch: Epoch(epoch),
        at: UnixMillis(entry.at.0),
        kind: entry.events.first().map_or("none", Event::kind).into(),
        body: encode_entry(entry).into(),
    }
}

pub(super) fn indices(seats: &[u32]) -> Seats {
    seats.iter().copied().map(SeatIndex).collect()
}

pub(super) fn released(hold: u64) -> Event {
    Event::Released { hold: HoldId(hold) }
}

pub(super) fn expired(hold: u64) -> Event {
    Event::Expired { hold: HoldId(hold) }
}

pub(super) fn begun(order: u64, hold: u64, amount_minor: i64) -> Event {
    let (order, hold) = (OrderId(order), HoldId(hold));
    Event::PaymentBegun { order, hold, amount_minor, payment_key: "key".into(), coupon: None }
}

/// The same with a coupon.
pub(super) fn begun_with(coupon: &str, discount_minor: i64, event: Event) -> Event {
    let Event::PaymentBegun { order, hold, amount_minor, payment_key, .. } = event else {
        panic!("{event:?} is no payment")
    };
    let coupon = Some(CouponUse { coupon: coupon.into(), discount_minor });
    Event::PaymentBegun { order, hold, amount_minor, payment_key, coupon }
}

pub(super) fn declined(order: u64, freed: bool) -> Event {
    Event::PaymentDeclined { order: OrderId(order), reason: "no money".into(), freed }
}

/// By an administrator, who keeps nothing.
pub(super) fn refund_begun(refund: u64, order: u64, seats: &[u32]) -> Event {
    refund_of(refund, order, seats, (100 * seats.len() as i64, 0), RefundReason::Admin)
}

/// A refund with what goes back and what is kept.
pub(super) fn refund_of(
    refund: u64,
    order: u64,
    seats: &[u32],
    (amount_minor, fee_minor): (i64, i64),
    reason: RefundReason,
) -> Event {
    let (refund, order, seats) = (RefundId(refund), OrderId(order), indices(seats));
    Event::RefundBegun { refund, order, seats, amount_minor, fee_minor, reason, note: "".into() }
}

pub(super) fn refunded(refund: u64, order: u64) -> Event {
    Event::Refunded { refund: RefundId(refund), order: OrderId(order) }
}

/// An entry of a script, by index.
pub(super) fn entry_of(script: &Script, index: usize) -> Entry {
    decode_entry(&script.records[index].body).expect("a test wrote it")
}
