//! Best available against brute force, on layouts and occupations that shrink when they fail.

use std::sync::Arc;

use earlybird_engine::best_available::{Choice, Wish, choose};
use earlybird_engine::*;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::{generate, model_best};

/// A random layout, some seats blocked, and a wish.
fn check(layout_seed: u64, taken: &[bool], wish: Wish) -> Result<(), TestCaseError> {
    let mut random = StdRng::seed_from_u64(layout_seed);
    let layout = Arc::new(generate::layout(&mut random));
    let settings = Arc::new(generate::settings(&mut random, &layout));
    let is_taken = |seat: SeatIndex| taken[seat.as_usize() % taken.len()];
    let mut state = State::new(layout.clone(), settings);
    let blocked: Seats = (0..state.capacity()).map(SeatIndex).filter(|&seat| is_taken(seat)).collect();
    if !blocked.is_empty() {
        let command = Command { request: None, action: Action::Block { seats: blocked } };
        let Ok(Decision::Commit(entry)) = decide(&state, Timestamp(0), &command) else {
            panic!("all are free")
        };
        evolve(&mut state, &entry, &mut Vec::new());
    }
    let fits = |seat: SeatIndex| {
        let place = layout.seats[seat.as_usize()];
        !is_taken(seat)
            && wish.category.is_none_or(|category| category == place.category)
            && wish.zone.is_none_or(|zone| zone == layout.rows[place.row.0 as usize].zone)
    };
    let free = (0..state.capacity()).filter(|&seat| fits(SeatIndex(seat))).count();
    let Some(Choice { seats, together }) = choose(&state, &wish) else {
        prop_assert!(free < wish.count as usize, "{free} seats fit, and none were chosen");
        return Ok(());
    };
    prop_assert_eq!(seats.len(), wish.count as usize);
    prop_assert!(seats.iter().all(|&seat| fits(seat)), "a seat is taken or not of the filter");
    let mut distinct = seats.to_vec();
    distinct.sort();
    distinct.dedup();
    prop_assert_eq!(distinct.len(), seats.len());
    let blocks: Vec<_> = layout.rows.iter().flat_map(|row| &row.blocks).collect();
    let is_adjacent = blocks.iter().any(|block| block.windows(seats.len()).any(|window| window == &*seats));
    prop_assert_eq!(together, is_adjacent, "together means side by side");
    let windows = |block: &Vec<SeatIndex>| -> Vec<Vec<SeatIndex>> {
        let fitting = block.windows(seats.len()).filter(|window| window.iter().all(|&seat| fits(seat)));
        fitting.map(<[_]>::to_vec).collect()
    };
    let orphans = |block: &Vec<SeatIndex>, chosen: &[SeatIndex]| {
        model_best::new_orphans(block, chosen, |seat| !is_taken(seat))
    };
    let possible = blocks
        .iter()
        .flat_map(|block| windows(block).into_iter().map(|window| orphans(block, &window)))
        .min();
    prop_assert_eq!(together, possible.is_some(), "together whenever it can be");
    if let Some(fewest) = possible {
        let home = blocks.iter().find(|block| block.contains(&seats[0])).expect("every seat has a block");
        prop_assert_eq!(orphans(home, &seats), fewest, "an orphan only when nothing else is left");
    }
    let expected = model_best::choose(&layout, wish.count as usize, |seat| !is_taken(seat), fits);
    prop_assert_eq!((seats, together), expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_brute_force(
        layout_seed in 0_u64..5_000,
        taken in prop::collection::vec(prop::bool::weighted(0.5), 1..40),
        count in 1_u32..9,
        category in prop::option::weighted(0.3, (0_u16..3).prop_map(CategoryIndex)),
        zone in prop::option::weighted(0.3, (0_u16..3).prop_map(ZoneIndex)),
    ) {
        check(layout_seed, &taken, Wish { count, category, zone })?;
    }
}
