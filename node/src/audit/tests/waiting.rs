//! I6, I7, I8.

use earlybird_engine::{Event, SeatIndex};

use super::script::*;
use crate::audit::rule::Rule;

#[test]
fn offers_follow_the_order_of_joining() {
    let mut script = Script::new();
    script.hold("ann", &[1]).join("ben", 1).join("cat", 1).join("dan", 1).assert_clean();
    let offer = script.offered("dan", 1);
    script.entry([released(1), offer]);
    script.assert_violates(Rule::JoinOrder, 2, "entry 5: dan overtakes cat, who waits for seat 1");
    script.assert_violates(Rule::NobodyPassedOver, 1, "seat 1 is offered to dan, past 2 who may have it");
}

#[test]
fn who_has_enough_is_passed_over_and_keeps_the_place() {
    let mut script = Script::new();
    script.hold("ann", &[1]).hold("ben", &[2, 3]).join("ben", 1).join("cat", 1);
    let offer = script.offered("cat", 1);
    script.entry([released(1), offer]).assert_clean();
    let offer = script.offered("ben", 1);
    script.entry([released(3), offer]);
    script.assert_violates(Rule::NobodyPassedOver, 1, "offered to ben, who has 2 seats already");
}

#[test]
fn an_offer_is_to_a_waiter() {
    let mut script = Script::new();
    script.hold("ann", &[1]).assert_clean();
    let offer = script.offered("ben", 1);
    script.entry([released(1), offer]);
    script.assert_violates(Rule::JoinOrder, 1, "offered to ben, who does not wait for it");
}

#[test]
fn a_waitlist_is_joined_and_left_once() {
    let leave = || Event::WaitlistLeft { seat: SeatIndex(1), buyer: "ben".into() };
    let mut script = Script::new();
    script.hold("ann", &[1]).join("ben", 1).entry([leave()]).join("ben", 1).assert_clean();
    script.join("ben", 1);
    script.assert_violates(Rule::JoinOrder, 1, "ben joins for seat 1: waits already: true");
    let mut script = Script::new();
    script.hold("ann", &[1]).join("ann", 1);
    script.assert_violates(Rule::JoinOrder, 2, "has it: true");
    let mut script = Script::new();
    script.entry([leave()]);
    script.assert_violates(Rule::JoinOrder, 1, "ben leaves the waitlist of seat 1, and is not in it");
}

#[test]
fn a_freed_seat_is_offered_in_the_same_entry() {
    let mut script = Script::new();
    script.hold("ann", &[1]).join("ben", 1).entry([released(1)]);
    script.assert_violates(Rule::NobodyPassedOver, 2, "entry 3: seat 1 is free and not offered to ben");
    let offer = script.offered("ben", 1);
    script.entry([offer]);
    // Too late: somebody could have slipped in between. Seen by the ledger, and by the engine's own check.
    script.assert_violates(Rule::NobodyPassedOver, 2, "by the engine: seat 1 is free although a waiter");
}

#[test]
fn who_becomes_eligible_is_offered_what_is_free() {
    let mut script = Script::new();
    script.hold("ann", &[1, 2]).join("ann", 3).assert_clean();
    script.entry([released(1)]);
    script.assert_violates(Rule::NobodyPassedOver, 2, "seat 3 is free and not offered to ann");
}

#[test]
fn nobody_joins_for_a_seat_that_they_may_have() {
    let mut script = Script::new();
    script.join("ann", 1);
    script.assert_violates(Rule::NobodyPassedOver, 2, "seat 1 is free and not offered to ann");
}

#[test]
fn an_unblocked_seat_is_offered() {
    let mut script = Script::new();
    script.hold("ann", &[1]).join("ben", 1).join("cat", 1);
    let offer = script.offered("ben", 1);
    script
        .entry([released(1), offer])
        .entry([Event::WaitlistLeft { seat: SeatIndex(1), buyer: "cat".into() }]);
    script.entry([released(2)]).entry([Event::Blocked { seats: indices(&[1]) }]).assert_clean();
}

#[test]
fn a_request_has_one_effect() {
    let mut script = Script::new();
    let hold = script.held("ann", &[1]);
    script.request(7, [hold]).assert_clean();
    let hold = script.held("ann", &[2]);
    script.pass(4_999).request(7, [hold]);
    script.assert_violates(Rule::OneEffect, 1, "the request 07070707-0707-0707-0707-070707070707");
}

#[test]
fn a_request_that_is_forgotten_is_a_new_one() {
    let mut by_age = Script::new();
    let hold = by_age.held("ann", &[1]);
    by_age.request(7, [hold]).pass(1_000).entry([expired(1)]).pass(4_000);
    let hold = by_age.held("ann", &[1]);
    by_age.request(7, [hold]).assert_clean();
    // Three are remembered.
    for (others, clean) in [(2_u8, false), (3, true)] {
        let mut by_number = Script::new();
        for request in 0..=others {
            let hold = by_number.held(&format!("buyer-{request}"), &[request.into()]);
            by_number.request(request, [hold]);
        }
        let hold = by_number.held("ann", &[9]);
        by_number.request(0, [hold]);
        if clean {
            by_number.assert_clean();
        } else {
            by_number.assert_violates(Rule::OneEffect, 1, "had an effect before");
        }
    }
}
