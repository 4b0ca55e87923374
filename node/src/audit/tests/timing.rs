//! I4, I5, I9.

use earlybird_engine::{Event, HoldId, OrderId, Timestamp};

use super::script::*;
use crate::audit::rule::Rule;

fn extended(hold: u64, deadline: u64) -> Event {
    Event::Extended { hold: HoldId(hold), deadline: Timestamp(deadline) }
}

#[test]
fn a_payment_begins_before_the_deadline() {
    let mut script = Script::new();
    script.hold("ann", &[1]).pass(999).entry([begun(1, 1, 100)]).pass(60_000);
    // How long the provider takes plays no part.
    script.entry([Event::PaymentConfirmed { order: OrderId(1) }]).assert_clean();
    let mut script = Script::new();
    script.hold("ann", &[1]).pass(1_000).entry([begun(1, 1, 100)]);
    script.assert_violates(Rule::PaymentInTime, 1, "hold 1 is used at 1001000");
}

#[test]
fn a_payment_is_settled_once() {
    let mut script = Script::new();
    script.buy("ann", &[1], 1).assert_clean();
    script.entry([declined(1, false)]);
    script.assert_violates(Rule::PaymentInTime, 1, "order 1 is paid, where it should be being paid");
}

#[test]
fn a_hold_is_used_before_its_deadline() {
    let mut script = Script::new();
    script.hold("ann", &[1]).pass(999).entry([extended(1, BEGINNING + 1_999)]).pass(999);
    script.entry([released(1)]).assert_clean();
    let mut late = Script::new();
    late.hold("ann", &[1]).pass(1_000).entry([extended(1, BEGINNING + 2_000)]);
    late.assert_violates(Rule::HoldInTime, 1, "hold 1 is used at 1001000");
    let mut late = Script::new();
    late.hold("ann", &[1]).pass(1_000).entry([released(1)]);
    late.assert_violates(Rule::HoldInTime, 1, "hold 1 is used at 1001000");
}

#[test]
fn a_hold_in_payment_is_not_released() {
    let mut script = Script::new();
    script.hold("ann", &[1]).entry([begun(1, 1, 100)]).entry([released(1)]);
    script.assert_violates(Rule::HoldInTime, 1, "paid by Some(OrderId(1))");
}

#[test]
fn a_hold_expires_at_its_deadline_or_after() {
    let mut script = Script::new();
    script.hold("ann", &[1]).pass(1_000).entry([expired(1)]).assert_clean();
    let mut early = Script::new();
    early.hold("ann", &[1]).pass(999).entry([expired(1)]);
    early.assert_violates(Rule::HoldInTime, 1, "hold 1 expired, due at 1001000");
    let mut paying = Script::new();
    paying.hold("ann", &[1]).entry([begun(1, 1, 100)]).pass(1_000).entry([expired(1)]);
    paying.assert_violates(Rule::HoldInTime, 1, "hold 1 expired");
}

#[test]
fn a_declined_payment_frees_what_has_lapsed() {
    let mut script = Script::new();
    script.hold("ann", &[1]).entry([begun(1, 1, 100)]).entry([declined(1, false)]).entry([begun(2, 1, 100)]);
    script.pass(5_000).entry([declined(2, true)]).assert_clean();
    let mut script = Script::new();
    script.hold("ann", &[1]).entry([begun(1, 1, 100)]).pass(1_000).entry([declined(1, false)]);
    script.assert_violates(Rule::HoldInTime, 1, "due at 1001000 and freed: false");
}

#[test]
fn an_expiry_is_at_most_the_bound_late() {
    let mut script = Script::new();
    script.hold("ann", &[1]).pass(1_200).entry([expired(1)]).assert_clean();
    let mut late = Script::new();
    late.hold("ann", &[1]).pass(1_201).entry([expired(1)]);
    late.assert_violates(Rule::ExpiryInTime, 1, "201 ms after");
    assert_eq!(late.replay().ledger.into_lateness().max_ms, 201);
}

#[test]
fn a_change_of_owner_excuses_what_came_before_it() {
    let mut script = Script::new();
    script.hold("ann", &[1]).pass(5_000).epoch(2).entry([expired(1)]).assert_clean();
    let lateness = script.replay().ledger.into_lateness();
    assert_eq!((lateness.expired, lateness.excused, lateness.excused_max_ms), (0, 1, 4_000));
    script.hold("ben", &[1]).pass(1_201).entry([expired(2)]);
    script.assert_violates(Rule::ExpiryInTime, 1, "201 ms after");
}

#[test]
fn a_hold_that_never_expires_is_noticed() {
    let mut script = Script::new();
    script.hold("ann", &[1]).pass(1_200).hold("ben", &[2]).assert_clean();
    script.pass(1).hold("cat", &[3]);
    script.assert_violates(Rule::ExpiryInTime, 1, "a hold has not expired 201 ms after its deadline");
    // A new owner has some time more.
    script.epoch(2).pass(1).hold("dan", &[4]).assert_clean();
    script.pass(10_001).hold("eve", &[5]);
    script.assert_violates(Rule::ExpiryInTime, 4, "a hold has not expired 10203 ms after its deadline");
}

#[test]
fn epochs_do_not_go_down() {
    let mut script = Script::new();
    script.hold("ann", &[1]).epoch(3).hold("ben", &[2]).hold("cat", &[3]).assert_clean();
    script.epoch(2).hold("dan", &[4]);
    script.assert_violates(Rule::Epochs, 1, "entry 4: written under epoch 2 after epoch 3");
}
