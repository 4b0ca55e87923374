//! I6 and I7: places keep their order, offers follow it, and no acknowledged place is lost.

use std::collections::{HashMap, HashSet};

use super::claims::{claims, ms};
use super::{Evidence, Findings};
use crate::command::Action;
use crate::ids::{Buyer, HoldId, Moment, Seat};
use crate::ledger::{Entry, Span};

/// A place that was acknowledged, and what became of it.
#[derive(Clone, Copy, Debug)]
struct Place {
    buyer: Buyer,
    joined: Span,
    /// The server's deadline of the offer that ended it: offers of a seat all live equally long, so this is their order.
    offered_unix_ms: Option<(HoldId, i64)>,
    /// Left, or possibly left, or joined again: nothing follows from its order.
    excused: bool,
}

impl Place {
    fn certainly_before(&self, other: &Place) -> bool {
        self.joined.acked < other.joined.sent
    }
}

type Queues = HashMap<Seat, Vec<Place>>;

pub(super) fn check(evidence: &Evidence<'_>, findings: &mut Findings) {
    let queues = queues(evidence);
    let shown = shown(evidence);
    overtakes(evidence, &queues, findings);
    passed_over(evidence, &queues, &shown, findings);
    positions(evidence, &queues, &shown, findings);
    lost(evidence, &queues, &shown, findings);
}

/// Whether any buyer overtook another, as a count: what the report shows.
pub(crate) const OVERTAKES: &str = "offers follow the order of the places (overtakes = 0)";

fn queues(evidence: &Evidence<'_>) -> Queues {
    let mut queues: Queues = HashMap::new();
    for record in &evidence.ledger.records {
        if let Entry::Joined(buyer, seat, _) = record.entry {
            let queue = queues.entry(seat).or_default();
            let again = queue.iter_mut().find(|place| place.buyer == buyer);
            let excused = again.is_some_and(|place| std::mem::replace(&mut place.excused, true) | true);
            queue.push(Place { buyer, joined: record.span, offered_unix_ms: None, excused });
        }
    }
    for record in &evidence.ledger.records {
        match record.entry {
            Entry::Offered(buyer, ack) => ack.seats.iter().for_each(|seat| {
                each_place(&mut queues, seat, buyer, |place| {
                    place.offered_unix_ms.get_or_insert((ack.hold, ack.expire_unix_ms));
                });
            }),
            Entry::Left(buyer, seat) => each_place(&mut queues, seat, buyer, |place| place.excused = true),
            _ => {}
        }
    }
    for request in &evidence.ledger.unanswered {
        if let Action::Join(seat) | Action::Leave(seat) = request.command.action {
            each_place(&mut queues, seat, request.command.buyer, |place| place.excused = true);
        }
    }
    queues
}

fn each_place(queues: &mut Queues, seat: Seat, buyer: Buyer, change: impl FnMut(&mut Place)) {
    let places = queues.get_mut(&seat).into_iter().flatten();
    places.filter(|place| place.buyer == buyer).for_each(change);
}

/// The places that the server shows at the end: seat and buyer → position.
fn shown(evidence: &Evidence<'_>) -> HashMap<(Seat, Buyer), u32> {
    let of = |view: &super::PlacesView| {
        let buyer = view.buyer;
        view.places.iter().map(move |(seat, position)| ((*seat, buyer), *position)).collect::<Vec<_>>()
    };
    evidence.state.places.iter().flat_map(of).collect()
}

/// Pairs of one queue, neither of them excused, the first certainly before the second.
fn pairs(queue: &[Place]) -> impl Iterator<Item = (&Place, &Place)> {
    let fair = |place: &&Place| !place.excused;
    queue.iter().filter(fair).flat_map(move |first| {
        queue
            .iter()
            .filter(fair)
            .filter(move |second| first.certainly_before(second))
            .map(move |second| (first, second))
    })
}

/// Buyers who may have had so many seats at once that an offer rightly passed over them: they keep their place and are
/// offered a seat later. Counted generously: all that they ever had or may have had, and an offer unseen for each place.
fn sated(evidence: &Evidence<'_>) -> HashSet<Buyer> {
    let mut seats: HashMap<Buyer, u32> = HashMap::new();
    let told = evidence.ledger.records.iter().filter_map(|record| match record.entry {
        Entry::Held(buyer, ack) | Entry::Offered(buyer, ack) => Some((buyer, ack.seat_count)),
        Entry::Joined(buyer, ..) => Some((buyer, 1)),
        _ => None,
    });
    let in_doubt = evidence.ledger.unanswered.iter().filter_map(|request| match request.command.action {
        Action::Hold(seats) => Some((request.command.buyer, seats.as_slice().len() as u32)),
        Action::HoldBest(count) => Some((request.command.buyer, count.into())),
        _ => None,
    });
    for (buyer, count) in told.chain(in_doubt) {
        *seats.entry(buyer).or_default() += count;
    }
    let limit = evidence.rules.seats_per_buyer_max;
    seats.into_iter().filter(|(_, count)| *count >= limit).map(|(buyer, _)| buyer).collect()
}

fn overtakes(evidence: &Evidence<'_>, queues: &Queues, findings: &mut Findings) {
    let mut wrong = Vec::new();
    let mut checked = 0;
    let sated = sated(evidence);
    for (seat, queue) in queues {
        for (first, second) in pairs(queue).filter(|(first, _)| !sated.contains(&first.buyer)) {
            let (Some((hold, at)), Some((other, other_at))) = (first.offered_unix_ms, second.offered_unix_ms)
            else {
                continue;
            };
            checked += 1;
            if other_at < at {
                wrong.push(format!(
                    "seat {}: {} joined before {}, but offer {} came after offer {}",
                    seat.0,
                    (evidence.name_of)(first.buyer),
                    (evidence.name_of)(second.buyer),
                    hold.0,
                    other.0
                ));
            }
        }
    }
    findings.add("I6", OVERTAKES, checked, wrong);
}

/// A waiter who is still waiting, and never had a seat that could have made them ineligible, while one behind was served.
fn passed_over(
    evidence: &Evidence<'_>,
    queues: &Queues,
    shown: &HashMap<(Seat, Buyer), u32>,
    findings: &mut Findings,
) {
    let mut had_seats: HashSet<Buyer> = HashSet::new();
    for record in &evidence.ledger.records {
        if let Entry::Held(buyer, _) | Entry::Offered(buyer, _) = record.entry {
            had_seats.insert(buyer);
        }
    }
    had_seats.extend(evidence.ledger.unanswered.iter().map(|request| request.command.buyer));
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (seat, queue) in queues {
        for (first, second) in pairs(queue).filter(|(_, second)| second.offered_unix_ms.is_some()) {
            checked += 1;
            let waits = shown.contains_key(&(*seat, first.buyer)) && first.offered_unix_ms.is_none();
            if waits && !had_seats.contains(&first.buyer) {
                wrong.push(format!(
                    "seat {}: {} still waits, but {}, who joined later, was offered it",
                    seat.0,
                    (evidence.name_of)(first.buyer),
                    (evidence.name_of)(second.buyer)
                ));
            }
        }
    }
    findings.add("I7", "no offer passes over a waiter who is eligible", checked, wrong);
}

fn positions(
    evidence: &Evidence<'_>,
    queues: &Queues,
    shown: &HashMap<(Seat, Buyer), u32>,
    findings: &mut Findings,
) {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (seat, queue) in queues {
        for (first, second) in pairs(queue) {
            let position = |place: &Place| shown.get(&(*seat, place.buyer)).copied();
            let (Some(ahead), Some(behind)) = (position(first), position(second)) else { continue };
            checked += 1;
            if ahead >= behind {
                wrong.push(format!(
                    "seat {}: {} joined before {}, but is at {ahead}, not before {behind}",
                    seat.0,
                    (evidence.name_of)(first.buyer),
                    (evidence.name_of)(second.buyer)
                ));
            }
        }
    }
    findings.add("I6", "the places that are left keep their order", checked, wrong);
}

/// A place is lost when it is gone although the seat has been sold to one order ever since, so that it was never offered.
fn lost(
    evidence: &Evidence<'_>,
    queues: &Queues,
    shown: &HashMap<(Seat, Buyer), u32>,
    findings: &mut Findings,
) {
    let asked: HashSet<Buyer> = evidence.state.places.iter().map(|view| view.buyer).collect();
    let mut sold_from: HashMap<Seat, Moment> = HashMap::new();
    for claim in claims(evidence.ledger).values() {
        let (Some((paid, _)), Some(ack), Moment::NEVER) = (claim.paid, claim.ack, claim.ended) else {
            continue;
        };
        sold_from.extend(ack.seats.iter().map(|seat| (seat, paid)));
    }
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (seat, queue) in queues {
        let Some(sold) = sold_from.get(seat) else { continue };
        for place in queue.iter().filter(|place| !place.excused && asked.contains(&place.buyer)) {
            if place.joined.sent <= *sold || place.offered_unix_ms.is_some() {
                continue;
            }
            checked += 1;
            if !shown.contains_key(&(*seat, place.buyer)) {
                wrong.push(format!(
                    "seat {}: the place of {}, acknowledged at {} ms, is gone, though the seat was never free since",
                    seat.0,
                    (evidence.name_of)(place.buyer),
                    ms(place.joined.acked)
                ));
            }
        }
    }
    findings.add("I6", "acknowledged places are not lost", checked, wrong);
}
