//! One journal, entry by entry, through the engine and into the ledger.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use earlybird_engine::{Entry, Layout, Millis, Settings, Snapshot, State};
use earlybird_engine::{check_invariants, decode_entry, decode_snapshot, evolve};
use earlybird_persistence::{JournalRecord, SnapshotRow};

use super::findings::Findings;
use super::ledger::Ledger;
use super::rule::Rule;

/// A journal under audit.
#[derive(Debug)]
pub(super) struct Replay {
    layout: Arc<Layout>,
    settings: Arc<Settings>,
    pub(super) findings: Findings,
    pub(super) ledger: Ledger,
    /// The state by the whole journal; none once the engine has refused an entry.
    pub(super) engine: Option<State>,
    /// The newest snapshot until its entry is reached, and from there on the state that it gives.
    snapshot: Option<Snapshot>,
    pub(super) restored: Option<State>,
    pub(super) events: BTreeMap<&'static str, u64>,
    pub(super) entries: u64,
    /// Entries between two looks at the whole state of the engine.
    check_every_entries: u64,
    /// The entry after which it was looked at last.
    engine_checked: Option<u64>,
    /// No entry behind this one is looked at.
    last: u64,
    /// The rest of the journal means nothing: an entry is missing or unreadable.
    pub(super) broken: bool,
}

impl Replay {
    /// Up to and including entry `last`.
    pub(super) fn new(
        layout: &Arc<Layout>,
        settings: &Arc<Settings>,
        expiry_bound: Millis,
        check_every_entries: u64,
        last: u64,
    ) -> Self {
        Self {
            layout: Arc::clone(layout),
            settings: Arc::clone(settings),
            findings: Findings::new(),
            ledger: Ledger::new(Arc::clone(layout), Arc::clone(settings), expiry_bound),
            engine: Some(State::new(Arc::clone(layout), Arc::clone(settings))),
            snapshot: None,
            restored: None,
            events: BTreeMap::new(),
            entries: 0,
            check_every_entries: check_every_entries.max(1),
            engine_checked: None,
            last,
            broken: false,
        }
    }

    /// Compares this snapshot with the journal, once its entry is reached.
    pub(super) fn expect_snapshot(&mut self, row: &SnapshotRow) {
        let sequence = row.sequence.0;
        match decode_snapshot(&row.body) {
            Ok(snapshot) if snapshot.sequence().0 == sequence => self.snapshot = Some(snapshot),
            Ok(snapshot) => self.findings.violated(Rule::Snapshot, || {
                format!("the snapshot of entry {sequence} is one of entry {}", snapshot.sequence())
            }),
            Err(error) => {
                self.findings
                    .violated(Rule::Snapshot, || format!("the snapshot of entry {sequence}: {error}"));
            }
        }
        self.reach_snapshot();
    }

    /// Reads one record. Breaks off when nothing behind it is to be read.
    pub(super) fn record(&mut self, record: &JournalRecord) -> ControlFlow<()> {
        let expected = self.entries + 1;
        if expected > self.last {
            return ControlFlow::Break(());
        }
        self.findings.at_entry(record.sequence.0);
        let Some(entry) = self.decode(record, expected) else {
            self.broken = true;
            return ControlFlow::Break(());
        };
        self.entries = expected;
        for event in &entry.events {
            *self.events.entry(event.kind()).or_insert(0) += 1;
        }
        self.ledger.enter(&entry, record.epoch.0, &mut self.findings);
        self.evolve(&entry);
        self.check_counts();
        self.reach_snapshot();
        if self.entries.is_multiple_of(self.check_every_entries) {
            self.check_engine();
        }
        ControlFlow::Continue(())
    }

    /// The entry, if it is the one that comes next and its row says what its body says.
    fn decode(&mut self, record: &JournalRecord, expected: u64) -> Option<Entry> {
        let rule = Rule::Journal;
        let in_order = self.findings.require(rule, record.sequence.0 == expected, || {
            format!("where entry {expected} should be; the rest of the journal is not read")
        });
        if !in_order {
            return None;
        }
        let decoded = decode_entry(&record.body);
        let readable = decoded.as_ref().is_ok_and(|entry| !entry.events.is_empty());
        self.findings.require(rule, readable, || match &decoded {
            Ok(_) => "corrupt: no event; the rest of the journal is not read".to_owned(),
            Err(error) => format!("corrupt: {error}; the rest of the journal is not read"),
        });
        let entry = decoded.ok().filter(|_| readable)?;
        let kind = entry.events[0].kind();
        let faithful = entry.sequence.0 == expected && entry.at.0 == record.at.0 && kind == &*record.kind;
        self.findings.require(rule, faithful, || {
            format!(
                "the row says {} at {}, its body says {kind} at {}, as entry {}",
                record.kind, record.at, entry.at.0, entry.sequence
            )
        });
        // The engine takes entries by the number in the body.
        (entry.sequence.0 == expected).then_some(entry)
    }

    fn evolve(&mut self, entry: &Entry) {
        for (state, rule) in [(&mut self.engine, Rule::Journal), (&mut self.restored, Rule::Snapshot)] {
            let Some(replayed) = state else { continue };
            // The engine refuses what contradicts its state by a panic, which stops a server before it sells twice.
            let evolved = catch_unwind(AssertUnwindSafe(|| {
                evolve(replayed, entry, &mut Vec::new());
            }));
            let Err(refusal) = evolved else { continue };
            *state = None;
            self.findings.violated(rule, || format!("the engine refuses it: {}", panic_text(&*refusal)));
        }
    }

    /// Engine and ledger count alike (I11).
    pub(super) fn check_counts(&mut self) {
        if let Some(engine) = &self.engine {
            let (engine, ledger) = (engine.counts(), self.ledger.counts());
            self.findings.require(Rule::Counts, engine == ledger, || {
                format!("the engine has {engine:?}, the ledger {ledger:?}")
            });
        }
    }

    /// Takes the snapshot up when its entry is reached: it must be the state that the journal has come to.
    fn reach_snapshot(&mut self) {
        let Some(snapshot) = self.snapshot.take_if(|snapshot| snapshot.sequence().0 == self.entries) else {
            return;
        };
        let restore = || State::restore(Arc::clone(&self.layout), Arc::clone(&self.settings), snapshot);
        let restored = match catch_unwind(AssertUnwindSafe(restore)) {
            Ok(Ok(restored)) => Ok(restored),
            Ok(Err(error)) => Err(error.to_string()),
            Err(refusal) => Err(format!("the engine refuses the snapshot: {}", panic_text(&*refusal))),
        };
        match restored {
            Ok(restored) => {
                if let Some(engine) = &self.engine {
                    self.findings.require(Rule::Snapshot, restored == *engine, || {
                        "the snapshot of this entry is not the state that the journal comes to".to_owned()
                    });
                }
                self.restored = Some(restored);
            }
            Err(fault) => self.findings.violated(Rule::Snapshot, || fault),
        }
    }

    /// Looks at the whole state of the engine, once after an entry.
    fn check_engine(&mut self) {
        let Some(engine) = &self.engine else { return };
        if self.engine_checked.replace(self.entries) == Some(self.entries) {
            return;
        }
        let checked = catch_unwind(AssertUnwindSafe(|| check_invariants(engine)));
        match checked {
            Ok(Ok(())) => {
                self.findings.require(Rule::Journal, true, String::new);
            }
            Ok(Err(violations)) => {
                for violation in violations {
                    let rule = Rule::of_engine(violation.id);
                    self.findings.violated(rule, || format!("by the engine: {}", violation.what));
                }
            }
            Err(refusal) => self.findings.violated(Rule::Journal, || {
                format!("the state of the engine cannot be checked: {}", panic_text(&*refusal))
            }),
        }
    }

    /// The journal ends here. A snapshot whose entry was not reached is of entries that are not there.
    pub(super) fn close(&mut self) {
        self.findings.after_the_last_entry();
        if let Some(snapshot) = self.snapshot.take() {
            self.findings.violated(Rule::Snapshot, || {
                format!(
                    "the newest snapshot is of entry {}, the journal ends at {}",
                    snapshot.sequence(),
                    self.entries
                )
            });
        }
        self.ledger.close(&mut self.findings);
        self.check_engine();
        if let (Some(engine), Some(restored)) = (&self.engine, &self.restored) {
            self.findings.require(Rule::Snapshot, engine == restored, || {
                "the newest snapshot and the entries after it do not give the state of the whole journal"
                    .to_owned()
            });
        }
    }
}

/// What a panic said.
fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}
