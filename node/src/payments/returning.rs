//! Money that was captured and pays no order: another sum than its order's, and no other order of the hold is of that sum. All
//! that is left of it goes back.
//!
//! ```text
//!  an order that is being paid, captured otherwise ──► another order's sum? ──yes──► DeclinePayment, and CaptureLate of that one
//!                                                          │ no
//!                                                          ▼
//!                                                   cancel in full, until the record says so ──► DeclinePayment
//!
//!  a declined order, captured otherwise ──► its hold is gone? ──yes──► cancel in full
//!                                               └ no: later, since the buyer may yet pay with it
//! ```
//!
//! Invariant: while money goes back, no order can be paid with it. An order that is being paid keeps its hold from others, and
//! where the hold is gone no further order comes.

use std::sync::Arc;

use earlybird_engine::{OrderId, OrderStateName, State};
use earlybird_persistence::PerformanceId;

use super::confirming::{ANOTHER_AMOUNT, Bill, Heard, RETRY_AFTER_MAX, Word};
use super::reference::return_key;
use super::settlement::bill;
use super::under_way::Ticket;
use super::{Cancellation, GatewayError, PaymentRecord, Payments};
use crate::failpoint::die_at;
use crate::shard::Shard;

/// Why the money goes back, in the provider's books.
const MARK: &str = "another amount";

impl Payments {
    /// The word on an order whose payment was captured in another sum; none when it is not ours to settle any more.
    pub(super) async fn word_on_another_sum(
        &self,
        performance: &PerformanceId,
        bill: &Bill,
        record: &PaymentRecord,
        ticket: &Ticket,
    ) -> Option<Word> {
        tracing::warn!(%performance, order = %bill.order, ?record, "captured, and not what the order costs");
        let look =
            |shard: &Arc<Shard>| shard.read(|state| Some(is_another_orders(state, bill.order, record)));
        if self.on_shard(performance, look).await.ok()?? {
            // Once this order is declined, nothing in the journal tells of the money.
            self.until_stored(|| self.leave_to_owner(performance, bill.order)).await;
        } else {
            self.give_back(bill, ticket).await?;
        }
        die_at("return-answered");
        Some(Word::Declined(ANOTHER_AMOUNT.to_owned()))
    }

    /// Gives money back that no order will be paid with.
    pub(super) async fn run_return(&self, performance: &PerformanceId, order: OrderId, ticket: &Ticket) {
        let look = |shard: &Arc<Shard>| {
            shard.read(|state| {
                let bill = bill(performance, state, order, OrderStateName::Declined);
                bill.filter(|_| is_nobodys(state, order))
            })
        };
        if let Ok(Some(bill)) = self.on_shard(performance, look).await {
            self.give_back(&bill, ticket).await;
        }
    }

    /// Cancels in full until the provider has a definite word on it; none when it is not this node's to do any more.
    async fn give_back(&self, bill: &Bill, ticket: &Ticket) -> Option<()> {
        let payment = &bill.charge.payment;
        let mut attempt = 1;
        let mut pause = self.options.retry_after;
        loop {
            match self.ask(&bill.charge).await {
                Ok(Heard::Word(Word::CapturedOtherwise(_))) => {
                    let cancellation = Cancellation {
                        payment: payment.clone(),
                        amount_minor: None,
                        currency: bill.charge.currency.clone(),
                        reason: MARK.to_owned(),
                        idempotency_key: return_key(&payment.order_reference, bill.order, attempt),
                        refund_account: None,
                    };
                    match self.permitted(self.gateway.cancel(&cancellation)).await {
                        Ok(()) => return Some(()),
                        Err(GatewayError::Declined(reason)) => {
                            tracing::error!(
                                ?payment,
                                reason,
                                "the provider does not give money back that is no order's"
                            );
                            return Some(());
                        }
                        Err(GatewayError::Unknown { is_answered, .. }) => attempt += u32::from(is_answered),
                        Err(GatewayError::Misconfigured(_)) => {}
                    }
                }
                // Back with the buyer, or never ours.
                Ok(Heard::Word(_)) => return Some(()),
                Ok(Heard::Open | Heard::Nothing) | Err(_) => {}
            }
            ticket.pause(pause).await;
            pause = (pause * 2).min(RETRY_AFTER_MAX);
            if !self.is_due(ticket.task()).await {
                return None;
            }
        }
    }
}

/// Whether the money of a record is for another order than this one: one that has it, or was declined and is of that sum.
fn is_another_orders(state: &State, order: OrderId, record: &PaymentRecord) -> bool {
    let currency = &state.settings().currency;
    state.orders_of_payment(order).any(|twin| {
        let is_of_sum = record.is_all_of(twin.amount_minor, currency);
        twin.order != order && (twin.state != OrderStateName::Declined || is_of_sum)
    })
}

/// Whether the payment of a declined order is nobody's, and stays so: no order has it, and none can come that does.
pub(super) fn is_nobodys(state: &State, order: OrderId) -> bool {
    let is_over = state.order(order).is_some_and(|order| state.hold(order.hold).is_none());
    is_over && state.orders_of_payment(order).all(|twin| twin.state == OrderStateName::Declined)
}
