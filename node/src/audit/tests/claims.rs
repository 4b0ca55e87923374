//! I1, I2, I10, I11, I13.

use earlybird_engine::{Event, Millis};

use super::script::*;
use crate::audit::findings::Findings;
use crate::audit::replay::Replay;
use crate::audit::rule::Rule;

#[test]
fn a_claimed_seat_is_not_claimed_again() {
    let mut script = Script::new();
    script.hold("ann", &[1]).assert_clean();
    script.hold("ben", &[1]);
    script.assert_violates(Rule::OneClaim, 1, "entry 2: seat 1 is held by hold 1");
    // One seat is claimed twice, so there is one more than there are.
    script.assert_violates(Rule::Counts, 1, "9 seats are free, 0 blocked and 2 claimed");
    script.assert_violates(Rule::Journal, 1, "the engine refuses it: assertion");
}

#[test]
fn an_offer_is_of_a_free_seat() {
    let mut script = Script::new();
    script.hold("ann", &[1]).join("ben", 1).assert_clean();
    let offer = script.offered("ben", 1);
    script.entry([offer]);
    script.assert_violates(Rule::OneClaim, 1, "entry 3: seat 1 is held by hold 1");
}

#[test]
fn a_blocked_seat_is_not_held() {
    let mut script = Script::new();
    script.entry([Event::Blocked { seats: indices(&[1, 2]) }]).assert_clean();
    script.hold("ann", &[2]);
    script.assert_violates(Rule::OneClaim, 1, "seat 2 is blocked");
}

#[test]
fn a_seat_that_does_not_exist_is_not_held() {
    let mut script = Script::new();
    script.hold("ann", &[10]);
    script.assert_violates(Rule::OneClaim, 1, "seat 10 does not exist");
}

#[test]
fn a_sold_seat_leaves_its_order_by_a_refund() {
    let mut script = Script::new();
    script.buy("ann", &[1, 2], 1).entry([refund_begun(1, 1, &[1])]).entry([refunded(1, 1)]).assert_clean();
    script.hold("ben", &[1]).assert_clean();
    script.hold("ben", &[2]);
    script.assert_violates(Rule::StaysSold, 1, "entry 7: seat 2 is sold to order 1");
}

#[test]
fn a_hold_is_all_or_nothing() {
    let mut script = Script::new();
    script.hold("ann", &[1]).assert_clean();
    script.hold("ben", &[1, 2]);
    script.assert_violates(Rule::AllOrNothing, 1, "of 2 seats, 1 were free");
    let mut script = Script::new();
    script.hold("ann", &[1, 1]);
    script.assert_violates(Rule::AllOrNothing, 1, "of 2 seats, 1 were free");
    let mut script = Script::new();
    script.hold("ann", &[]);
    script.assert_violates(Rule::AllOrNothing, 2, "of 0 seats");
}

/// Whoever took a seat from a hold left the rest of it behind.
#[test]
fn seats_are_freed_together() {
    let mut script = Script::new();
    script.hold("ann", &[1, 2]).hold("ben", &[2]).entry([released(1)]);
    script.assert_violates(
        Rule::AllOrNothing,
        2,
        "entry 3: of 2 seats, 1 were held by hold 1 and are free now",
    );
}

#[test]
fn the_engine_must_count_as_the_ledger_does() {
    let mut script = Script::new();
    script.hold("ann", &[1]).hold("ben", &[2]);
    let mut replay = Replay::new(&layout(10), &settings(), Millis(200), 1, u64::MAX);
    assert!(replay.record(&script.records[0]).is_continue());
    // An engine that misses an entry.
    replay.ledger.enter(&entry_of(&script, 1), 1, &mut Findings::new());
    replay.check_counts();
    assert_violation(replay, Rule::Counts, 1, "entry 1: the engine has");
}

#[test]
fn limits_are_kept() {
    let mut script = Script::new();
    script.hold("ann", &[1, 2]).assert_clean();
    script.hold("ann", &[3]);
    script.assert_violates(Rule::Limits, 1, "hold 2 has 1 seats");
    let mut script = Script::new();
    script.hold("ann", &[1, 2, 3]);
    script.assert_violates(Rule::Limits, 1, "hold 1 has 3 seats");
    let mut script = Script::new();
    script.hold("ann", &[1, 2]).join("ben", 1).join("cat", 1).join("dan", 1).join("eve", 1).assert_clean();
    script.join("fay", 1);
    script.assert_violates(Rule::Limits, 1, "5 wait for seat 1");
}
