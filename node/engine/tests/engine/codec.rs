//! Bytes that are not what they should be are refused, never trusted, and never a panic.

use std::sync::Arc;

use earlybird_engine::*;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::generate;

/// A state with some of everything.
fn busy_state() -> State {
    let mut random = StdRng::seed_from_u64(7);
    let layout = Arc::new(generate::layout(&mut random));
    let mut settings = generate::settings(&mut random, &layout);
    settings.limits = Limits::default();
    let settings = Arc::new(settings);
    let buyers = generate::buyers(&mut random);
    let mut state = State::new(layout.clone(), settings.clone());
    let mut model = crate::model::Model::new(layout, settings);
    for step in 0..300_u64 {
        let request = Some(RequestStamp { id: RequestId((step as u128).to_le_bytes()), fingerprint: step });
        let command = Command { request, action: generate::action(&mut random, &model, &buyers) };
        let now = Timestamp(generate::OPENS + 5_000 + step);
        let _ = model.handle(now, &command);
        if let Ok(Decision::Commit(entry)) = decide(&state, now, &command) {
            evolve(&mut state, &entry, &mut Vec::new());
        }
    }
    state
}

#[test]
fn refuses_other_versions_and_more_or_fewer_bytes() {
    let bytes = encode_snapshot(&busy_state().snapshot());
    assert_eq!(decode_snapshot(&[]), Err(CodecError::Empty));
    assert_eq!(decode_snapshot(&[3, 0]), Err(CodecError::UnknownVersion(3)));
    assert_eq!(decode_entry(&[0]), Err(CodecError::UnknownVersion(0)));
    let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
    assert_eq!(decode_snapshot(&longer), Err(CodecError::TrailingBytes(1)));
    for length in 0..bytes.len() {
        assert!(decode_snapshot(&bytes[..length]).is_err(), "{length} bytes are not a snapshot");
    }
}

/// Every byte of a snapshot, damaged in turn: refused when read, refused when restored, or another valid state.
#[test]
fn a_damaged_snapshot_never_panics() {
    let state = busy_state();
    let bytes = encode_snapshot(&state.snapshot());
    let (layout, settings) = (Arc::new(state.layout().clone()), Arc::new(state.settings().clone()));
    let (mut unread, mut corrupt) = (0, 0);
    for (at, flip) in (0..bytes.len()).flat_map(|at| [1, 2, 0x10, 0x80].map(|flip| (at, flip))) {
        let mut damaged = bytes.clone();
        damaged[at] ^= flip;
        let Ok(snapshot) = decode_snapshot(&damaged) else {
            unread += 1;
            continue;
        };
        match State::restore(layout.clone(), settings.clone(), snapshot.clone()) {
            Err(_) => corrupt += 1,
            Ok(restored) => assert!(restored.snapshot() == snapshot, "a snapshot is canonical"),
        }
    }
    assert!(unread > 100 && corrupt > 100, "{unread} could not be read, {corrupt} were corrupt");
}

proptest! {
    #[test]
    fn garbage_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..300), version in any::<bool>()) {
        if version && !bytes.is_empty() {
            bytes[0] = 1 + bytes[0] % 2;
        }
        let _ = decode_entry(&bytes);
        let _ = decode_snapshot(&bytes);
    }
}
