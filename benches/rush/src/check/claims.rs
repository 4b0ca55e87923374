//! I1 and I2: no two claims on a seat at a time, and a sold seat stays sold.

use std::collections::HashMap;

use super::{Evidence, Findings};
use crate::answer::{HoldAck, Reason};
use crate::ids::{Buyer, HoldId, Moment, OrderId};
use crate::ledger::{Entry, Ledger, Record};
use crate::limits::CHECK_SLACK;

/// What one hold certainly claimed: its seats, from the receipt of its acknowledgement until it may have ended.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) hold: HoldId,
    pub(super) buyer: Buyer,
    pub(super) ack: Option<HoldAck>,
    /// Certainly live from here: the receipt of the first acknowledgement.
    pub(super) from: Moment,
    /// The earliest moment at which it may have lapsed.
    pub(super) lapses: Moment,
    /// The earliest moment at which it may have been given back, or refunded.
    pub(super) ended: Moment,
    /// Certainly sold from here.
    pub(super) paid: Option<(Moment, OrderId)>,
    /// Refusals of its use because it was not there: when they were received.
    pub(super) missing: Vec<(Moment, Reason)>,
}

impl Claim {
    /// Until when it was certainly live, not counting a sale.
    pub(super) fn held_until(&self) -> Moment {
        self.lapses.min(self.ended)
    }

    /// The stretches in which it was certainly live: held, sold.
    fn stretches(&self) -> impl Iterator<Item = (Moment, Moment)> + '_ {
        let held = (self.from, self.held_until());
        let sold = self.paid.map(|(from, _)| (from, self.ended));
        [Some(held), sold].into_iter().flatten().filter(|(from, until)| from < until)
    }
}

/// The claims of a ledger, by hold.
pub(super) fn claims(ledger: &Ledger) -> HashMap<HoldId, Claim> {
    let mut claims = HashMap::new();
    for record in &ledger.records {
        apply(&mut claims, record);
    }
    end_by_refunds(ledger, &mut claims);
    end_by_doubt(ledger, &mut claims);
    claims
}

fn claim_of(claims: &mut HashMap<HoldId, Claim>, hold: HoldId, buyer: Buyer) -> &mut Claim {
    claims.entry(hold).or_insert_with(|| Claim {
        hold,
        buyer,
        ack: None,
        from: Moment::NEVER,
        lapses: Moment::default(),
        ended: Moment::NEVER,
        paid: None,
        missing: Vec::new(),
    })
}

fn apply(claims: &mut HashMap<HoldId, Claim>, record: &Record) {
    let span = record.span;
    match record.entry {
        Entry::Held(buyer, ack) | Entry::Offered(buyer, ack) | Entry::Extended(buyer, ack) => {
            let claim = claim_of(claims, ack.hold, buyer);
            claim.ack.get_or_insert(ack);
            claim.from = claim.from.min(span.acked);
            // The server counted the remaining time from after we sent, so it lapses no earlier than this.
            claim.lapses = claim.lapses.max(span.sent.after(ack.remaining).before(CHECK_SLACK));
        }
        Entry::Released(buyer, hold) => {
            let claim = claim_of(claims, hold, buyer);
            claim.ended = claim.ended.min(span.sent);
        }
        Entry::Paid(buyer, hold, order) => {
            claim_of(claims, hold, buyer).paid = Some((span.acked, order.order));
        }
        Entry::HoldMissing(buyer, hold, reason) => {
            claim_of(claims, hold, buyer).missing.push((span.acked, reason));
        }
        Entry::Joined(..) | Entry::Left(..) | Entry::Refunded(..) => {}
    }
}

fn end_by_refunds(ledger: &Ledger, claims: &mut HashMap<HoldId, Claim>) {
    use crate::command::Action;
    let acked = ledger.records.iter().filter_map(|record| match record.entry {
        Entry::Refunded(_, ack) => Some((ack.order, record.span.sent)),
        _ => None,
    });
    let doubtful = ledger.unanswered.iter().filter_map(|request| match request.command.action {
        Action::Refund(order) => Some((order, request.sent)),
        _ => None,
    });
    let mut refunds: HashMap<OrderId, Moment> = HashMap::new();
    for (order, sent) in acked.chain(doubtful) {
        let first = refunds.entry(order).or_insert(sent);
        *first = (*first).min(sent);
    }
    for claim in claims.values_mut() {
        if let Some(sent) = claim.paid.and_then(|(_, order)| refunds.get(&order)) {
            claim.ended = claim.ended.min(*sent);
        }
    }
}

/// A release without a definite answer may have been done.
fn end_by_doubt(ledger: &Ledger, claims: &mut HashMap<HoldId, Claim>) {
    use crate::command::Action;
    for request in &ledger.unanswered {
        if let Action::Release(hold) = request.command.action
            && let Some(claim) = claims.get_mut(&hold)
        {
            claim.ended = claim.ended.min(request.sent);
        }
    }
}

/// Whether a crash may have lost what was acknowledged from memory before `until`, with slack for a crash noticed late.
pub(super) fn may_be_lost(evidence: &Evidence<'_>, from: Moment, until: Moment) -> bool {
    let seen = |at: &Moment| *at >= from.before(CHECK_SLACK) && *at <= until.after(CHECK_SLACK);
    evidence.rules.memory_ack && evidence.ledger.interruptions.iter().any(seen)
}

pub(super) fn check(evidence: &Evidence<'_>, findings: &mut Findings) {
    let claims = claims(evidence.ledger);
    let mut by_seat: HashMap<u32, Vec<(Moment, Moment, &Claim)>> = HashMap::new();
    for claim in claims.values() {
        for seat in claim.ack.iter().flat_map(|ack| ack.seats.as_slice()) {
            by_seat
                .entry(*seat)
                .or_default()
                .extend(claim.stretches().map(|(from, until)| (from, until, claim)));
        }
    }
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (seat, stretches) in &mut by_seat {
        stretches.sort_by_key(|(from, until, claim)| (*from, *until, claim.hold));
        checked += stretches.len() as u64;
        overlaps(evidence, *seat, stretches, &mut wrong);
    }
    wrong.sort();
    findings.add("I1", "no two claims on a seat at a time", checked, wrong);
}

fn overlaps(
    evidence: &Evidence<'_>,
    seat: u32,
    stretches: &[(Moment, Moment, &Claim)],
    wrong: &mut Vec<String>,
) {
    // The claim that lasts longest so far; a stretch that begins before its end is an overlap with it.
    let mut longest: Option<&(Moment, Moment, &Claim)> = None;
    for stretch in stretches {
        let (from, until, claim) = stretch;
        if let Some((first_from, first_until, first)) = longest
            && from < first_until
            && first.hold != claim.hold
            && !(first.paid.is_none() && may_be_lost(evidence, *first_from, *from))
        {
            wrong.push(format!(
                "seat {seat}: hold {} of {} was live from {} to {} ms, and hold {} of {} from {} to {} ms",
                first.hold.0,
                (evidence.name_of)(first.buyer),
                ms(*first_from),
                ms(*first_until),
                claim.hold.0,
                (evidence.name_of)(claim.buyer),
                ms(*from),
                ms(*until),
            ));
        }
        if longest.is_none_or(|(_, first_until, _)| until > first_until) {
            longest = Some(stretch);
        }
    }
}

/// A moment for people: milliseconds since the run began.
pub(super) fn ms(moment: Moment) -> String {
    if moment == Moment::NEVER { "∞".to_owned() } else { format!("{:.1}", moment.0 as f64 / 1e6) }
}
