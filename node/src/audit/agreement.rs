//! Whether the ledger and the engine have come to the same (I12).

use earlybird_engine::{HoldView, OrderView, RefundState, SeatClaim, SeatStatus, State};

use super::findings::Findings;
use super::ledger::{HoldRecord, Ledger, OrderRecord, Owner, RefundOutcome, RefundRecord};
use super::rule::Rule;

/// Compares everything that both know.
pub(super) fn compare(ledger: &Ledger, engine: &State, findings: &mut Findings) {
    seats(ledger, engine, findings);
    holds(ledger, engine, findings);
    orders(ledger, engine, findings);
    refunds(ledger, engine, findings);
    waiters(ledger, engine, findings);
}

fn seats(ledger: &Ledger, engine: &State, findings: &mut Findings) {
    for (seat, owner) in ledger.owners() {
        let (status, claim) = (engine.seat_status(seat), engine.seat_claim(seat));
        let expected = match owner {
            Owner::Nobody => (SeatStatus::Free, None),
            Owner::Hold(hold) => (SeatStatus::Held, Some(SeatClaim::Hold(hold))),
            Owner::Payment(hold) => (SeatStatus::Paying, Some(SeatClaim::Hold(hold))),
            Owner::Order(order) => (SeatStatus::Sold, Some(SeatClaim::Order(order))),
            Owner::Administrator => (SeatStatus::Blocked, None),
        };
        let agree = (status, claim) == (Some(expected.0), expected.1);
        findings.require(Rule::Agreement, agree, || {
            format!("seat {seat} is {owner} by the ledger, and {status:?} for {claim:?} by the engine")
        });
    }
}

fn holds(ledger: &Ledger, engine: &State, findings: &mut Findings) {
    let (known, live) = (ledger.holds().len(), engine.holds().count());
    findings.require(Rule::Agreement, known == live, || {
        format!("{known} holds live by the ledger, {live} by the engine")
    });
    for (id, record) in ledger.holds() {
        let view = engine.hold(id);
        let agree = view.as_ref().is_some_and(|view| hold_record(view) == record);
        findings.require(Rule::Agreement, agree, || {
            format!("hold {id} is {record:?} by the ledger, {view:?} by the engine")
        });
    }
}

fn hold_record<'s>(view: &HoldView<'s>) -> HoldRecord<'s> {
    HoldRecord {
        buyer: view.buyer,
        seats: view.seats,
        deadline: view.deadline,
        created_at: view.created_at,
        extensions: view.extensions,
        order: view.order,
    }
}

fn orders(ledger: &Ledger, engine: &State, findings: &mut Findings) {
    let (known, live) = (ledger.orders().len(), engine.orders().count());
    findings.require(Rule::Agreement, known == live, || {
        format!("there are {known} orders by the ledger, {live} by the engine")
    });
    for (record, view) in ledger.orders().zip(engine.orders()) {
        findings.require(Rule::Agreement, order_record(&view) == record, || {
            format!("order {} is {record:?} by the ledger, {view:?} by the engine", view.order)
        });
    }
}

fn order_record<'s>(view: &OrderView<'s>) -> OrderRecord<'s> {
    OrderRecord {
        buyer: view.buyer,
        hold: view.hold,
        state: view.state,
        seats: view.seats,
        seats_left: view.seats_left,
        amount_minor: view.amount_minor,
        refunded_minor: view.refunded_minor,
        fees_minor: view.fees_minor,
        payment_key: view.payment_key,
        coupon: view.coupon,
        decline_reason: view.decline_reason,
        deposit_deadline: view.deposit_deadline,
        captured_late: view.captured_late,
        began_at: view.began_at,
        changed_at: view.changed_at,
        changed_by: view.last_sequence,
    }
}

fn refunds(ledger: &Ledger, engine: &State, findings: &mut Findings) {
    for (id, record) in (1..).map(earlybird_engine::RefundId).zip(ledger.refunds()) {
        let view = engine.refund(id);
        let outcome = |state: &RefundState| match state {
            RefundState::Pending => RefundOutcome::Pending,
            RefundState::Completed => RefundOutcome::Completed,
            RefundState::Failed(_) => RefundOutcome::Failed,
        };
        let known = view.map(|view| RefundRecord {
            order: view.order,
            seats: view.seats,
            amount_minor: view.amount_minor,
            fee_minor: view.fee_minor,
            reason: view.reason,
            outcome: outcome(view.state),
        });
        findings.require(Rule::Agreement, known == Some(record), || {
            format!("refund {id} is {record:?} by the ledger, {view:?} by the engine")
        });
    }
    let beyond = earlybird_engine::RefundId(ledger.refunds().len() as u64 + 1);
    findings.require(Rule::Agreement, engine.refund(beyond).is_none(), || {
        format!("refund {beyond} is known to the engine alone")
    });
}

/// Every waiter has the same place in both. As many waiters in all means that the engine has no others.
fn waiters(ledger: &Ledger, engine: &State, findings: &mut Findings) {
    for (seat, waiters) in ledger.waitlists() {
        for (place, buyer) in (1..).zip(waiters) {
            let position = engine.waitlist_position(buyer, seat);
            findings.require(Rule::Agreement, position == Some(place), || {
                format!(
                    "{} is waiter {place} of seat {seat} by the ledger, {position:?} by the engine",
                    buyer.0
                )
            });
        }
    }
    let (known, live) = (ledger.counts().waiters, engine.counts().waiters);
    findings.require(Rule::Agreement, known == live, || {
        format!("{known} wait by the ledger, {live} by the engine")
    });
}
