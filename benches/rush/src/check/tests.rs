//! Each violation is found in a crafted history, and a clean history passes.

use std::time::Duration;

use super::*;
use crate::answer::{HoldAck, OrderAck, Reason};
use crate::command::{Action, Command};
use crate::ids::{Seats, Serial};
use crate::ledger::{Entry, Unanswered};

const PRICE: i64 = 100;
const SEATS_MAX: u32 = 3;
const SECOND: u64 = 1_000_000_000;

fn at(seconds: u64) -> Moment {
    Moment(seconds * SECOND)
}

fn name(buyer: Buyer) -> String {
    format!("b{}", buyer.0)
}

fn ack(hold: u64, seats: &[u32]) -> HoldAck {
    HoldAck {
        hold: HoldId(hold),
        seats: Seats::of(seats),
        seat_count: seats.len() as u32,
        amount_minor: PRICE * seats.len() as i64,
        remaining: Duration::from_secs(100),
        expire_unix_ms: hold as i64 * 1_000,
    }
}

fn paid(order: u64, seats: i64) -> OrderAck {
    OrderAck { order: OrderId(order), amount_minor: PRICE * seats, refunded_minor: 0, state: 2 }
}

fn view(order: u64, hold: u64, buyer: u32, seats: &[u32]) -> OrderView {
    OrderView {
        order: OrderId(order),
        hold: Some(HoldId(hold)),
        buyer: name(Buyer(buyer)),
        seats: seats.to_vec(),
        seats_left: seats.to_vec(),
        state: OrderState::Paid,
        amount_minor: PRICE * seats.len() as i64,
        refunded_minor: 0,
    }
}

struct History {
    ledger: Ledger,
    state: FinalState,
    memory_ack: bool,
}

impl History {
    /// Four seats: 0 and 1 sold to buyer 1, 2 held by buyer 2 until 103 s, 3 free; buyer 3, then 4, wait for seat 0.
    fn clean() -> History {
        let mut ledger = Ledger::default();
        ledger.note(at(1), at(2), Entry::Held(Buyer(1), ack(1, &[0, 1])));
        ledger.note(at(3), at(4), Entry::Paid(Buyer(1), HoldId(1), paid(1, 2)));
        ledger.note(at(3), at(4), Entry::Held(Buyer(2), ack(2, &[2])));
        ledger.note(at(5), at(6), Entry::Joined(Buyer(3), Seat(0), 1));
        ledger.note(at(7), at(8), Entry::Joined(Buyer(4), Seat(0), 2));
        let state = FinalState {
            states: vec![3, 3, 1, 0],
            counts: Counts { free: 1, held: 1, paying: 0, sold: 2, blocked: 0 },
            orders: vec![view(1, 1, 1, &[0, 1])],
            holds: vec![HoldView {
                hold: HoldId(2),
                answered: at(20),
                found: Some((name(Buyer(2)), vec![2])),
            }],
            places: vec![
                PlacesView { buyer: Buyer(3), places: vec![(Seat(0), 1)] },
                PlacesView { buyer: Buyer(4), places: vec![(Seat(0), 2)] },
            ],
            others: None,
        };
        History { ledger, state, memory_ack: false }
    }

    fn findings(&self) -> Findings {
        let rules =
            Rules { prices: vec![PRICE; 4], memory_ack: self.memory_ack, seats_per_buyer_max: SEATS_MAX };
        check(&Evidence { ledger: &self.ledger, state: &self.state, rules: &rules, name_of: &name })
    }
}

/// Changes a clean history, and expects a violation of `id` whose detail has `words`; nothing when `id` is empty.
fn expect(id: &str, words: &str, change: impl FnOnce(&mut History)) {
    let mut history = History::clean();
    change(&mut history);
    let violations = history.findings().violations;
    if id.is_empty() {
        assert_eq!(violations, [], "nothing is wrong");
    } else {
        let found = violations.iter().any(|violation| violation.id == id && violation.detail.contains(words));
        assert!(found, "{id} with {words:?} in {violations:#?}");
    }
}

fn in_doubt(action: Action, buyer: u32) -> Unanswered {
    Unanswered { sent: at(9), command: Command { serial: Serial(1), buyer: Buyer(buyer), action } }
}

#[test]
fn a_clean_history_passes_and_everything_was_looked_at() {
    let findings = History::clean().findings();
    assert_eq!(findings.violations, []);
    for description in
        ["no two claims", "acknowledged payments", "acknowledged holds", "places that are left"]
    {
        let line = findings.lines.iter().find(|line| line.description.contains(description));
        assert!(line.is_some_and(|line| line.checked > 0), "{description}");
    }
}

#[test]
fn two_holds_of_a_seat_at_a_time() {
    let second = |h: &mut History| h.ledger.note(at(10), at(11), Entry::Held(Buyer(5), ack(9, &[2])));
    expect("I1", "seat 2: hold 2", second);
    // Given back before, or possibly before, the second was acknowledged: no claim overlaps for certain.
    expect("", "", |h| {
        second(h);
        h.ledger.note(at(9), at(12), Entry::Released(Buyer(2), HoldId(2)));
        h.state.holds.clear();
    });
    expect("", "", |h| {
        second(h);
        h.ledger.unanswered.push(in_doubt(Action::Release(HoldId(2)), 2));
        h.state.holds.clear();
    });
    // A crash may lose what was acknowledged from memory alone.
    expect("", "", |h| {
        second(h);
        h.memory_ack = true;
        h.ledger.interruptions.push(at(8));
    });
}

#[test]
fn a_hold_of_a_sold_seat() {
    expect("I1", "seat 1: hold 1", |h| h.ledger.note(at(300), at(301), Entry::Held(Buyer(5), ack(9, &[1]))));
}

#[test]
fn a_hold_after_the_deadline_of_another_is_well() {
    expect("", "", |h| {
        h.ledger.note(at(102), at(103), Entry::Held(Buyer(5), ack(9, &[2])));
        h.state.holds.clear();
    });
}

#[test]
fn acknowledged_orders_that_are_wrong() {
    let free_seats = |h: &mut History| {
        h.state.states = vec![0, 0, 1, 0];
        h.state.counts = Counts { free: 3, held: 1, ..Counts::default() };
    };
    expect("I3", "is not there", |h| {
        h.state.orders.clear();
        free_seats(h);
    });
    expect("I3", "was acknowledged", |h| h.state.orders[0].buyer = "b7".to_owned());
    expect("I3", "was acknowledged", |h| h.state.orders[0].seats = vec![1, 3]);
    expect("I3", "was acknowledged", |h| h.state.orders[0].state = OrderState::Declined);
    expect("I3", "the seats cost 200", |h| h.state.orders[0].amount_minor = 150);
    expect("I2", "its state is", free_seats);
    expect("I2", "in no paid order", |h| {
        h.state.states[3] = 3;
        h.state.counts = Counts { held: 1, sold: 3, ..Counts::default() };
    });
}

#[test]
fn refunds_free_the_seats() {
    let refunded = OrderAck { refunded_minor: 2 * PRICE, state: 6, ..paid(1, 2) };
    let refund = |h: &mut History| {
        h.ledger.note(at(30), at(31), Entry::Refunded(Buyer(1), refunded));
        h.state.states = vec![0, 0, 1, 0];
        h.state.counts = Counts { free: 3, held: 1, ..Counts::default() };
        let order = &mut h.state.orders[0];
        (order.state, order.refunded_minor, order.seats_left) = (OrderState::Refunded, 2 * PRICE, vec![]);
    };
    expect("", "", |h| {
        refund(h);
        h.ledger.note(at(32), at(33), Entry::Held(Buyer(6), ack(7, &[1])));
        h.ledger.note(at(34), at(35), Entry::Released(Buyer(6), HoldId(7)));
    });
    expect("I3", "and refunded", |h| h.ledger.note(at(30), at(31), Entry::Refunded(Buyer(1), refunded)));
    expect("I3", "is due back", |h| {
        refund(h);
        h.state.orders[0].refunded_minor = PRICE;
    });
}

#[test]
fn a_seat_in_two_orders_and_an_order_out_of_nowhere() {
    expect("I1", "seat 1 is in orders", |h| h.state.orders.push(view(2, 8, 9, &[1])));
    let stray = |h: &mut History| {
        h.state.orders.push(view(2, 8, 9, &[3]));
        h.state.states[3] = 3;
        h.state.counts = Counts { held: 1, sold: 3, ..Counts::default() };
    };
    expect("I8", "nobody was told of", stray);
    expect("", "", |h| {
        stray(h);
        h.ledger
            .unanswered
            .push(in_doubt(Action::Pay { hold: HoldId(8), amount_minor: PRICE, decline: false }, 9));
    });
}

#[test]
fn holds_that_are_lost_or_refused_too_early() {
    expect("I8", "hold 2 of b2 is not there", |h| h.state.holds[0].found = None);
    expect("I8", "is shown as of b9", |h| h.state.holds[0].found = Some(("b9".to_owned(), vec![2])));
    expect("", "", |h| (h.state.holds[0].found, h.state.holds[0].answered) = (None, at(103)));
    let missing = |when| {
        Entry::HoldMissing(
            Buyer(2),
            HoldId(2),
            if when < 100 { Reason::HoldNotFound } else { Reason::HoldExpired },
        )
    };
    expect("I4", "was refused as HOLD_NOT_FOUND", |h| h.ledger.note(at(50), at(51), missing(51)));
    expect("", "", |h| h.ledger.note(at(103), at(104), missing(104)));
}

#[test]
fn holds_that_are_not_whole_or_at_a_wrong_price() {
    let held = |ack| move |h: &mut History| h.ledger.note(at(110), at(111), Entry::Held(Buyer(5), ack));
    expect("I10", "hold 9", held(HoldAck { amount_minor: 1, ..ack(9, &[3]) }));
    expect("I10", "hold 9", held(ack(9, &[3, 3])));
}

#[test]
fn waitlists_out_of_order() {
    let offers = |first: u64, second: u64| {
        move |h: &mut History| {
            for (buyer, hold) in [(3, first), (4, second)] {
                let offer = HoldAck { remaining: Duration::ZERO, ..ack(hold, &[0]) };
                h.ledger.note(at(20), at(21), Entry::Offered(Buyer(buyer), offer));
            }
            h.state.places.clear();
        }
    };
    expect("", "", offers(20, 21));
    expect("I6", "but offer 21 came after offer 20", offers(21, 20));
    // Whoever has all the seats that a buyer may have is passed over, and comes later.
    expect("", "", |h| {
        h.ledger.note(at(9), at(10), Entry::Held(Buyer(3), ack(10, &[3])));
        h.ledger.note(at(11), at(12), Entry::Released(Buyer(3), HoldId(10)));
        offers(21, 20)(h);
    });
    expect("I7", "b3 still waits", |h| {
        let offer = HoldAck { remaining: Duration::ZERO, ..ack(20, &[0]) };
        h.ledger.note(at(20), at(21), Entry::Offered(Buyer(4), offer));
        h.state.places[1].places.clear();
    });
    expect("I6", "but is at 2", |h| {
        h.state.places[0].places[0].1 = 2;
        h.state.places[1].places[0].1 = 1;
    });
    expect("I6", "is gone", |h| h.state.places[0].places.clear());
    // A leave in doubt may have been done.
    expect("", "", |h| {
        h.state.places[0].places.clear();
        h.ledger.unanswered.push(in_doubt(Action::Leave(Seat(0)), 3));
    });
}

#[test]
fn counts_that_do_not_add_up() {
    expect("I11", "the server counts", |h| h.state.counts.free = 2);
    expect("I11", "the capacity is 4", |h| {
        h.state.states.pop();
        h.state.counts.free = 0;
    });
}
