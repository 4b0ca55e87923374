//! Random histories: the engine beside the model and the audit, over a million commands in the plain test run.
//!
//! `EARLYBIRD_SEED` chooses another run, `EARLYBIRD_WORLD` one world of it, `EARLYBIRD_COMMANDS` the length.

use std::collections::BTreeMap;
use std::sync::Arc;

use earlybird_engine::*;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::audit::Audit;
use crate::model::{Model, Outcome};
use crate::{generate, observe};

const COMMANDS_DEFAULT: u64 = 1_000_000;
const COMMANDS_PER_WORLD: u64 = 1_000;
/// Orders grow with the length of a history, so they are not compared after each command.
const COMMANDS_PER_FULL_CHECK: u64 = 50;
/// Each kind of event must have happened so often, or the run has shown nothing.
const EVENTS_OF_EACH_KIND_MIN: u64 = 1_500;

/// A performance is cancelled once at most.
const CANCELLED_WORLDS_MIN: u64 = 200;

/// How often each kind of command was sent and accepted, and each kind of event happened.
#[derive(Default)]
struct Tally {
    commands: BTreeMap<String, (u64, u64)>,
    events: BTreeMap<&'static str, u64>,
    rejections: BTreeMap<String, u64>,
    replays: u64,
    /// Waiters who were passed over by an offer, since they had all seats that they may have.
    passed_over: u64,
}

#[test]
fn engine_model_and_audit_agree() {
    let from_env = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seed = from_env("EARLYBIRD_SEED").unwrap_or(20_260_101);
    let commands = from_env("EARLYBIRD_COMMANDS").unwrap_or(COMMANDS_DEFAULT);
    let mut tally = Tally::default();
    if let Some(world) = from_env("EARLYBIRD_WORLD") {
        return run_world(seed, world, &mut tally);
    }
    for world in 0..commands.div_ceil(COMMANDS_PER_WORLD) {
        run_world(seed, world, &mut tally);
    }
    println!(
        "seed {seed}, {commands} commands, {} replays, {} waiters passed over",
        tally.replays, tally.passed_over
    );
    for (name, (sent, accepted)) in &tally.commands {
        println!("{name:>20}: {sent:>7} sent, {:>4.1} % accepted", 100.0 * *accepted as f64 / *sent as f64);
    }
    println!("events: {:?}\nrejections: {:?}", tally.events, tally.rejections);
    if commands >= COMMANDS_DEFAULT {
        assert_eq!(tally.events.len(), 19, "some kind of event never happened");
        let is_rare = |(kind, count): &(&&str, &u64)| match **kind {
            "performance_cancelled" => **count < CANCELLED_WORLDS_MIN,
            _ => **count < EVENTS_OF_EACH_KIND_MIN,
        };
        let rare: Vec<_> = tally.events.iter().filter(is_rare).collect();
        assert!(rare.is_empty(), "too rare: {rare:?}");
        assert!(tally.passed_over > EVENTS_OF_EACH_KIND_MIN, "I7 was tried {} times", tally.passed_over);
        assert!(tally.replays > EVENTS_OF_EACH_KIND_MIN, "I8 was tried {} times", tally.replays);
        // All but AmountOverflow, which small prices cannot reach: `begin_payment` has a test of it.
        assert_eq!(tally.rejections.len(), 43, "some rejection never happened");
    }
}

/// Says where a failure was, so that it can be run again.
struct Whereabouts(u64, u64, u64);

impl Drop for Whereabouts {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed at command {}: EARLYBIRD_SEED={} EARLYBIRD_WORLD={}", self.2, self.0, self.1);
        }
    }
}

fn run_world(seed: u64, world: u64, tally: &mut Tally) {
    let mut whereabouts = Whereabouts(seed, world, 0);
    let mut world = World::new(StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(world)));
    for step in 0..COMMANDS_PER_WORLD {
        whereabouts.2 = step;
        world.step(tally);
        if step % COMMANDS_PER_FULL_CHECK == 0 {
            world.check_in_full();
        }
    }
    world.check_in_full();
    world.check_rebuilding();
    tally.passed_over += world.audit.passed_over();
}

/// One performance with its whole past.
struct World {
    random: StdRng,
    state: State,
    model: Model,
    audit: Audit,
    buyers: Vec<BuyerId>,
    now: Timestamp,
    sent: Vec<Command>,
    journal: Vec<Vec<u8>>,
    /// A snapshot that was taken on the way, as bytes.
    snapshot: Vec<u8>,
}

impl World {
    fn new(mut random: StdRng) -> Self {
        let layout = Arc::new(generate::layout(&mut random));
        let settings = Arc::new(generate::settings(&mut random, &layout));
        let state = State::with_seed(layout.clone(), settings.clone(), random.random());
        let snapshot = encode_snapshot(&state.snapshot());
        let buyers = generate::buyers(&mut random);
        let model = Model::new(layout, settings);
        let now = Timestamp(generate::OPENS);
        let (sent, journal, audit) = Default::default();
        Self { random, state, model, audit, buyers, now, sent, journal, snapshot }
    }

    fn step(&mut self, tally: &mut Tally) {
        if self.random.random_bool(0.3) {
            self.now = self.now.plus(Millis(self.random.random_range(0..100)));
        }
        let command = self.next_command();
        let name = format!("{:?}", command.action);
        let name = name.split([' ', '{']).next().unwrap_or_default().to_owned();
        let counted = tally.commands.entry(name).or_default();
        counted.0 += 1;
        let decision = decide(&self.state, self.now, &command);
        let expected = self.model.handle(self.now, &command);
        match decision {
            Err(rejection) => {
                assert_eq!(Err(&rejection), expected.as_ref(), "{command:?}");
                *tally.rejections.entry(reason(&rejection)).or_default() += 1;
            }
            Ok(Decision::Replay(answer)) => {
                assert_eq!(Ok(Outcome::Replay(answer)), expected, "I8: {command:?}");
                let request = command.request.expect("only requests are replayed");
                assert!(
                    self.audit.answered_by(request.id).is_some(),
                    "I8: nothing is replayed that was not answered"
                );
                tally.replays += 1;
            }
            Ok(Decision::Commit(entry)) => {
                counted.1 += 1;
                let answer = self.commit(&entry);
                assert_eq!(Ok(Outcome::New(answer)), expected, "{command:?}");
                for event in &entry.events {
                    *tally.events.entry(event.kind()).or_default() += 1;
                }
                observe::assert_same(&self.state, &self.model, &self.buyers);
            }
        }
        self.sent.push(command);
        self.check_lapsed();
    }

    /// Journals and evolves, and checks that `changed` names every seat that changed.
    fn commit(&mut self, entry: &Entry) -> Answer {
        self.audit.note(entry, &self.model.settings);
        let bytes = encode_entry(entry);
        assert_eq!(decode_entry(&bytes).as_ref(), Ok(entry), "I12: an entry survives the journal");
        self.journal.push(bytes);
        let look = |state: &State| -> Vec<_> {
            let seats = (0..state.capacity()).map(SeatIndex);
            seats.map(|seat| (state.seat_status(seat), state.seat_claim(seat))).collect()
        };
        let before = look(&self.state);
        let mut changed = Vec::new();
        let answer = evolve(&mut self.state, entry, &mut changed);
        for (seat, (before, after)) in (0..).map(SeatIndex).zip(before.into_iter().zip(look(&self.state))) {
            assert!(before == after || changed.contains(&seat), "seat {seat} changed, and nobody is told");
        }
        answer
    }

    fn next_command(&mut self) -> Command {
        let random = &mut self.random;
        let again = self.sent.iter().rev().take(40).collect::<Vec<_>>().choose(random).copied().cloned();
        let action = generate::action(random, &self.model, &self.buyers);
        match (again, random.random_range(0..100)) {
            (Some(again), 0..8) => again,
            (Some(Command { request: Some(stamp), .. }), 8..10) => Command {
                request: Some(RequestStamp { fingerprint: stamp.fingerprint ^ 1, ..stamp }),
                action,
            },
            (_, 10..80) => {
                let stamp = RequestStamp { id: RequestId(random.random()), fingerprint: random.random() };
                Command { request: Some(stamp), action }
            }
            _ => Command { request: None, action },
        }
    }

    /// I5: a lapsed hold is unusable for its owner, from the first moment on.
    fn check_lapsed(&mut self) {
        let Some(hold) = self.model.holds.choose(&mut self.random) else { return };
        if hold.order.is_some() || self.now < hold.deadline {
            return;
        }
        let (buyer, id) = (hold.buyer.clone(), hold.id);
        let amount_minor = self.model.price(&hold.seats);
        let uses = [
            Action::ExtendHold { buyer: buyer.clone(), hold: id },
            Action::ReleaseHold { buyer: buyer.clone(), hold: id },
            Action::BeginPayment { buyer, hold: id, amount_minor, payment_key: "key".into(), coupon: None },
        ];
        for action in uses {
            let decision = decide(&self.state, self.now, &Command { request: None, action });
            assert_eq!(decision, Err(Rejection::HoldExpired), "I4, I5: hold {id}");
        }
    }

    fn check_in_full(&mut self) {
        assert_eq!(check_invariants(&self.state), Ok(()), "I1, I6, I7, I10, I11 and the indexes");
        observe::assert_same_orders(&self.state, &self.model);
        if self.random.random_bool(0.3) {
            self.snapshot = encode_snapshot(&self.state.snapshot());
        }
        if self.random.random_bool(0.2) {
            self.restart();
        }
    }

    /// Goes on from bytes: what is remembered must be all that there is, request ids included.
    fn restart(&mut self) {
        let bytes = encode_snapshot(&self.state.snapshot());
        let snapshot = decode_snapshot(&bytes).expect("it was just encoded");
        let (layout, settings, seed) =
            (self.model.layout.clone(), self.model.settings.clone(), self.random.random());
        let restored =
            State::restore_with_seed(layout, settings, seed, snapshot).expect("I12: it can be restored");
        assert_eq!(encode_snapshot(&restored.snapshot()), bytes, "I12: a snapshot is canonical");
        assert!(restored == self.state, "I12: a restored state is the same");
        self.state = restored;
    }

    /// I12: the journal from the start, and a snapshot with its tail, give the live state.
    fn check_rebuilding(&self) {
        let (layout, settings) = (&self.model.layout, &self.model.settings);
        let replay = |mut state: State| {
            let from = state.sequence().0 as usize;
            for bytes in &self.journal[from..] {
                let entry = decode_entry(bytes).expect("it was journalled");
                evolve(&mut state, &entry, &mut Vec::new());
            }
            state
        };
        let from_start = replay(State::new(layout.clone(), settings.clone()));
        assert!(from_start == self.state, "I12: the whole journal gives the live state");
        let snapshot = decode_snapshot(&self.snapshot).expect("it was encoded");
        let restored =
            State::restore(layout.clone(), settings.clone(), snapshot).expect("I12: it can be restored");
        assert!(replay(restored) == self.state, "I12: a snapshot and its tail give the live state");
    }
}

/// The name of a rejection, without what it says of this case; limits are told apart.
fn reason(rejection: &Rejection) -> String {
    match rejection {
        Rejection::LimitReached { limit, .. } => format!("{limit:?}"),
        other => format!("{other:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned(),
    }
}
