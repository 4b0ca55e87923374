//! Fixtures of the tests beside the code.

use std::sync::Arc;

use crate::*;

/// When the sale of the fixtures opens.
pub(crate) const OPENS: Timestamp = Timestamp(1_000_000);

/// Rows of one zone and one category `(blocks of a row, each a number of seats)`; the centre is the middle of the row.
pub(crate) fn layout(rows: &[&[u32]]) -> Layout {
    let mut seats = Vec::new();
    let rows = (0..).zip(rows).map(|(row, blocks)| {
        let width: u32 = blocks.iter().sum();
        let mut column = 0_u32;
        let mut block_of = |count: u32| {
            (0..count)
                .map(|_| {
                    let centre_distance = (2 * column + 1).abs_diff(width) * 50;
                    seats.push(SeatPlace { category: CategoryIndex(0), row: RowIndex(row), centre_distance });
                    column += 1;
                    SeatIndex(seats.len() as u32 - 1)
                })
                .collect()
        };
        let blocks = blocks.iter().map(|&count| block_of(count)).collect();
        Row { zone: ZoneIndex(0), front_distance: row * 100, blocks }
    });
    let rows = rows.collect();
    Layout { categories: vec!["standard".into()], zones: vec!["floor".into()], rows, seats }
}

/// A general sale for ever, 100 a seat.
pub(crate) fn settings(limits: Limits) -> Settings {
    let closes_at = Timestamp(u64::MAX);
    let phase = SalePhase { audience: Audience::General, opens_at: OPENS, closes_at, waitlist_open: true };
    Settings {
        phases: vec![phase],
        limits,
        price_minor_by_category: vec![100],
        currency: "KRW".into(),
        refunds: RefundPolicy::default(),
        deposit_ttl_ms: None,
    }
}

/// A performance under test: time only moves when told to, and every step checks the invariants.
pub(crate) struct Stage {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
}

impl Stage {
    /// Ten seats in one row, with these limits.
    pub(crate) fn new(limits: Limits) -> Self {
        Self::with(layout(&[&[10]]), settings(limits))
    }

    pub(crate) fn with(layout: Layout, settings: Settings) -> Self {
        Self { state: State::new(Arc::new(layout), Arc::new(settings)), now: OPENS }
    }

    /// Decides without evolving.
    pub(crate) fn decide(&self, action: Action) -> Result<Decision, Rejection> {
        decide(&self.state, self.now, &Command { request: None, action })
    }

    /// Decides and evolves; the events or the rejection.
    pub(crate) fn act(&mut self, action: Action) -> Result<Vec<Event>, Rejection> {
        let Decision::Commit(entry) = self.decide(action)? else {
            panic!("nothing to replay without a request id")
        };
        evolve(&mut self.state, &entry, &mut Vec::new());
        assert_eq!(check_invariants(&self.state), Ok(()));
        Ok(entry.events.into_vec())
    }

    /// Like [`Stage::act`], for steps that lead to what is tested.
    pub(crate) fn must(&mut self, action: Action) -> Vec<Event> {
        self.act(action).expect("this step only leads to what is tested")
    }

    /// `buyer` holds `seats`.
    pub(crate) fn hold(&mut self, buyer: &str, seats: &[u32]) -> HoldId {
        match &self.must(hold(buyer, seats))[0] {
            Event::Held { hold, .. } => *hold,
            other => panic!("{other:?}"),
        }
    }

    /// `buyer` holds and pays `seats`, up to the provider's answer.
    pub(crate) fn begin_payment(&mut self, buyer: &str, seats: &[u32]) -> OrderId {
        let hold = self.hold(buyer, seats);
        let amount_minor = 100 * seats.len() as i64;
        self.must(Action::BeginPayment {
            buyer: buyer.into(),
            hold,
            amount_minor,
            payment_key: "key".into(),
            coupon: None,
        });
        OrderId(self.state.orders().count() as u64)
    }

    /// `buyer` buys `seats`.
    pub(crate) fn buy(&mut self, buyer: &str, seats: &[u32]) -> OrderId {
        let order = self.begin_payment(buyer, seats);
        self.must(Action::ConfirmPayment { order });
        order
    }

    /// `buyer` queues for `seat`.
    pub(crate) fn wait(&mut self, buyer: &str, seat: u32) {
        self.must(join(buyer, seat));
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, span: Millis) {
        self.now = self.now.plus(span);
    }
}

pub(crate) fn seats(seats: &[u32]) -> Seats {
    seats.iter().copied().map(SeatIndex).collect()
}

pub(crate) fn hold(buyer: &str, named: &[u32]) -> Action {
    Action::Hold { buyer: buyer.into(), grade: None, seats: seats(named) }
}

pub(crate) fn join(buyer: &str, seat: u32) -> Action {
    Action::JoinWaitlist { buyer: buyer.into(), grade: None, seat: SeatIndex(seat) }
}

/// A refund of all that is left of an order.
pub(crate) fn refund_all(by: RefundBy, order: u64) -> Action {
    Action::BeginRefund { by, order: OrderId(order), seats: Seats::new(), note: "".into(), to_account: false }
}

/// The offers among events: who was offered what.
pub(crate) fn offers(events: &[Event]) -> Vec<(&str, u32)> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Offered { buyer, seat, .. } => Some((&*buyer.0, seat.0)),
            _ => None,
        })
        .collect()
}
