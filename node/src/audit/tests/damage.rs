//! I12: journals and snapshots that are damaged.

use earlybird_engine::{State, decode_entry, encode_snapshot, evolve};
use earlybird_persistence as store;
use earlybird_persistence::{Bucket, Epoch, SnapshotRow, UnixMillis};

use super::script::*;
use crate::audit::agreement;
use crate::audit::journal::conclude;
use crate::audit::replay::Replay;
use crate::audit::rule::Rule;

/// Three entries, all well.
fn three() -> Script {
    let mut script = Script::new();
    script.hold("ann", &[1, 2]).hold("ben", &[3]).entry([released(1)]).assert_clean();
    script
}

/// The engine's state after so many entries.
fn state_after(script: &Script, entries: usize) -> State {
    let mut state = State::new(layout(10), settings());
    for entry in (0..entries).map(|index| entry_of(script, index)) {
        evolve(&mut state, &entry, &mut Vec::new());
    }
    state
}

fn snapshot(sequence: u64, state: &State) -> SnapshotRow {
    SnapshotRow {
        performance: "carmen".into(),
        bucket: Bucket::new(0).unwrap(),
        epoch: Epoch(1),
        sequence: store::Sequence(sequence),
        at: UnixMillis(BEGINNING),
        body: encode_snapshot(&state.snapshot()).into(),
    }
}

/// Replays three entries with a snapshot.
fn replay_with(snapshot: &SnapshotRow) -> Replay {
    let script = three();
    let mut replay = Replay::new(&layout(10), &settings(), earlybird_engine::Millis(200), 1, u64::MAX);
    replay.expect_snapshot(snapshot);
    assert!(script.records.iter().all(|record| replay.record(record).is_continue()));
    conclude(replay, None)
}

#[test]
fn a_gap_is_noticed() {
    let mut script = three();
    script.records.remove(1);
    script.assert_violates(Rule::Journal, 1, "entry 3: where entry 2 should be");
    assert_eq!(script.replay().entries, 1);
}

#[test]
fn an_entry_that_is_there_twice_is_noticed() {
    let mut script = three();
    script.records.insert(1, script.records[0].clone());
    script.assert_violates(Rule::Journal, 1, "entry 1: where entry 2 should be");
}

#[test]
fn a_garbled_body_is_corrupt() {
    let mut script = three();
    script.records[1].body = b"\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff".as_slice().into();
    script.assert_violates(Rule::Journal, 1, "entry 2: corrupt: malformed");
    script.records[1].body = bytes::Bytes::new();
    script.assert_violates(Rule::Journal, 1, "entry 2: corrupt: no bytes");
}

/// Whatever a flipped bit makes of an entry, the audit ends with a report and notices it.
#[test]
fn every_flipped_bit_is_noticed_and_none_is_a_panic() {
    let unnoticed: Vec<(usize, u32)> = (0..three().records[0].body.len())
        .flat_map(|place| (0..8).map(move |bit| (place, bit)))
        .filter(|&(place, bit)| {
            let mut script = three();
            let mut body = script.records[0].body.to_vec();
            body[place] ^= 1 << bit;
            let buyer_or_deadline = decode_entry(&body).is_ok();
            script.records[0].body = body.into();
            violations(conclude(script.replay(), None)).is_empty() && !buyer_or_deadline
        })
        .collect();
    assert_eq!(unnoticed, []);
}

#[test]
fn a_row_says_what_its_body_says() {
    let mut script = three();
    script.records[1].kind = "expired".into();
    script.assert_violates(Rule::Journal, 1, "entry 2: the row says expired at 1000000, its body says held");
    let mut script = three();
    script.records[1].at = UnixMillis(5);
    script.assert_violates(Rule::Journal, 1, "the row says held at 5");
}

#[test]
fn an_entry_without_events_is_corrupt() {
    let mut script = three();
    script.entry([]);
    script.assert_violates(Rule::Journal, 1, "entry 4: corrupt: no event");
}

#[test]
fn what_does_not_live_has_no_events() {
    let mut script = three();
    script.entry([released(1)]);
    script.assert_violates(Rule::Journal, 2, "entry 4: hold 1 does not live");
}

#[test]
fn numbers_only_grow() {
    let mut script = Script::new();
    let first = script.held("ann", &[1]);
    script.hold("ben", &[2]).entry([first]);
    script.assert_violates(Rule::Journal, 2, "hold 1 follows hold 2");
}

#[test]
fn a_snapshot_gives_the_state_of_the_journal() {
    for entries in 0..=3 {
        let row = snapshot(entries, &state_after(&three(), entries as usize));
        assert!(violations(replay_with(&row)).is_empty());
    }
}

#[test]
fn a_wrong_snapshot_is_noticed() {
    // Somebody else has the seats; once they are free again, nothing shows it.
    let mut other = Script::new();
    other.hold("eve", &[1, 2]).hold("ben", &[3]);
    let replay = replay_with(&snapshot(2, &state_after(&other, 2)));
    assert_violation(replay, Rule::Snapshot, 1, "entry 2: the snapshot of this entry is not the state");
    // The hold that the third entry releases is unknown to this one.
    let mut other = Script::new();
    other.hold("ann", &[1, 2]).entry([released(1)]);
    let replay = replay_with(&snapshot(2, &state_after(&other, 2)));
    assert_violation(replay, Rule::Snapshot, 2, "entry 3: the engine refuses it");
}

#[test]
fn a_damaged_snapshot_is_noticed() {
    let row =
        SnapshotRow { body: b"\x02garbage".as_slice().into(), ..snapshot(2, &state_after(&three(), 2)) };
    assert_violation(replay_with(&row), Rule::Snapshot, 1, "the snapshot of entry 2: malformed");
    let row = snapshot(1, &state_after(&three(), 2));
    assert_violation(replay_with(&row), Rule::Snapshot, 1, "the snapshot of entry 1 is one of entry 2");
}

#[test]
fn a_snapshot_of_entries_that_are_missing_is_noticed() {
    let mut longer = three();
    longer.hold("cat", &[4]);
    let replay = replay_with(&snapshot(4, &state_after(&longer, 4)));
    assert_violation(replay, Rule::Snapshot, 1, "the newest snapshot is of entry 4, the journal ends at 3");
}

#[test]
fn the_live_state_is_the_state_of_the_journal() {
    let script = three();
    assert!(violations(conclude(script.replay(), Some(state_after(&script, 3)))).is_empty());
    let replay = conclude(script.replay(), Some(state_after(&script, 2)));
    assert_violation(replay, Rule::LiveState, 1, "the live state after entry 2");
}

#[test]
fn ledger_and_engine_are_compared_in_everything() {
    let mut script = Script::new();
    script.buy("ann", &[1, 2], 1).entry([refund_begun(1, 1, &[1])]);
    script.hold("ben", &[3]).join("cat", 3).join("dan", 3).assert_clean();
    let all = script.records.len();
    let disagreements = |entries: usize| {
        let mut replay = script.replay();
        let Replay { ledger, findings, .. } = &mut replay;
        agreement::compare(ledger, &state_after(&script, entries), findings);
        let checks = replay.findings.into_checks();
        checks[Rule::Agreement as usize].examples.join("\n")
    };
    assert_eq!(disagreements(all), "");
    for (entries, text) in [
        (all - 1, "3 wait by the ledger"),
        (all - 3, "hold 2 is HoldRecord"),
        (all - 4, "refund 1 is RefundRecord"),
        (all - 5, "order 1 is OrderRecord"),
    ] {
        let told = disagreements(entries);
        let text = text.replace("3 wait", "2 wait");
        assert!(told.contains(&text), "{entries}: {told}");
    }
    assert!(disagreements(all - 2).contains("cat is waiter 1 of seat 3 by the ledger, None by the engine"));
    assert!(disagreements(all - 6).contains("seat 1 is sold to order 1 by the ledger"));
}
