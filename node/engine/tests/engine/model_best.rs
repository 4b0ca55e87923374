//! Best available by brute force: every place is looked at, as the rules are read.

use earlybird_engine::*;

/// A group of seats side by side, and what it is judged by.
struct Place {
    seats: Vec<SeatIndex>,
    orphans: usize,
    score: u64,
    row: usize,
    block: usize,
    start: usize,
}

/// `count` of the seats that fit, and whether they are side by side. There must be enough.
pub(crate) fn choose(
    layout: &Layout,
    count: usize,
    is_free: impl Fn(SeatIndex) -> bool,
    fits: impl Fn(SeatIndex) -> bool,
) -> (Seats, bool) {
    let all = |count: usize, chosen: &[SeatIndex]| {
        places(layout, count, &is_free, |seat| fits(seat) && !chosen.contains(&seat))
    };
    let rank = |place: &Place| (place.orphans, place.score, place.row, place.block, place.start);
    if let Some(best) = all(count, &[]).into_iter().min_by_key(rank) {
        return (Seats::from_vec(best.seats), true);
    }
    let mut first: Option<(ZoneIndex, u32)> = None;
    let mut seats = Vec::new();
    while seats.len() < count {
        let missing = count - seats.len();
        let longest = (1..=missing).rev().map(|size| all(size, &seats)).find(|places| !places.is_empty());
        let near = |place: &Place| {
            let row = &layout.rows[place.row];
            let (zone, front) = first.unwrap_or((row.zone, row.front_distance));
            (zone != row.zone, front.abs_diff(row.front_distance), rank(place))
        };
        let group = longest.expect("enough seats fit").into_iter().min_by_key(near).expect("it is not empty");
        let row = &layout.rows[group.row];
        first.get_or_insert((row.zone, row.front_distance));
        seats.extend(group.seats);
    }
    (Seats::from_vec(seats), false)
}

/// All places of `count` seats side by side that fit.
fn places(
    layout: &Layout,
    count: usize,
    is_free: impl Fn(SeatIndex) -> bool,
    fits: impl Fn(SeatIndex) -> bool,
) -> Vec<Place> {
    let mut places = Vec::new();
    for (row_index, row) in layout.rows.iter().enumerate() {
        for (block, seats) in row.blocks.iter().enumerate() {
            for (start, window) in seats.windows(count).enumerate() {
                if !window.iter().all(|&seat| fits(seat)) {
                    continue;
                }
                let centre = |seat: &SeatIndex| u64::from(layout.seats[seat.as_usize()].centre_distance);
                let score = window.iter().map(|seat| u64::from(row.front_distance) + centre(seat)).sum();
                let orphans = new_orphans(seats, window, &is_free);
                places.push(Place { seats: window.to_vec(), orphans, score, row: row_index, block, start });
            }
        }
    }
    places
}

/// Free seats of a block that are alone once `chosen` are taken, and were not before.
pub(crate) fn new_orphans(
    block: &[SeatIndex],
    chosen: &[SeatIndex],
    is_free: impl Fn(SeatIndex) -> bool,
) -> usize {
    let alone = |is_free: &dyn Fn(SeatIndex) -> bool, at: usize| {
        let left = at.checked_sub(1).is_some_and(|left| is_free(block[left]));
        let right = block.get(at + 1).is_some_and(|&right| is_free(right));
        is_free(block[at]) && !left && !right
    };
    let after = |seat: SeatIndex| is_free(seat) && !chosen.contains(&seat);
    (0..block.len()).filter(|&at| alone(&after, at) && !alone(&is_free, at)).count()
}
