//! One payment, one refund: from the journal to the provider, and from the provider's word to the journal.

use std::sync::Arc;

use earlybird_engine::{Action, OrderId, OrderStateName, RefundId, RefundState, State};
use earlybird_persistence::PerformanceId;

use super::confirming::{Bill, Word};
use super::reference::{order_reference, refund_mark};
use super::refunding::{RefundWord, Repayment};
use super::under_way::Ticket;
use super::{Cancellation, Charge, PaymentName, Payments};
use crate::failpoint::die_at;
use crate::shard::Shard;

impl Payments {
    pub(super) async fn run_payment(
        self: &Arc<Self>,
        performance: &PerformanceId,
        order: OrderId,
        asks_first: bool,
        ticket: &Ticket,
    ) {
        let look = |shard: &Arc<Shard>| shard.read(|state| bill(performance, state, order));
        let Ok(Some(mut bill)) = self.on_shard(performance, look).await else { return };
        die_at("pay-begun");
        let mut word = self.word_on(&mut bill, asks_first, ticket).await;
        if let Word::AwaitingDeposit(deposit) = word {
            let Some(at_last) = self.word_on_deposit(performance, &bill, deposit, ticket).await else {
                return;
            };
            word = at_last;
        }
        die_at("pay-answered");
        match word {
            Word::Captured => drop(self.note(performance, Action::ConfirmPayment { order }).await),
            Word::Declined(reason) => {
                let reason = reason.into();
                self.note(performance, Action::DeclinePayment { order, reason }).await;
                // News that came after the last question may say that it was captured all the same.
                if ticket.has_news() {
                    drop(self.review(performance, order, true).await);
                }
            }
            // Another account instead of the first: the next run of the node takes it up.
            Word::AwaitingDeposit(_) => {}
        }
        die_at("pay-noted");
    }

    pub(super) async fn run_refund(
        &self,
        performance: &PerformanceId,
        refund: RefundId,
        asks_first: bool,
        ticket: &Ticket,
    ) {
        let look = |shard: &Arc<Shard>| shard.read(|state| repayment(performance, state, refund));
        let Ok(Some(mut repayment)) = self.on_shard(performance, look).await else { return };
        die_at("refund-begun");
        let action = match self.word_on_refund(&mut repayment, asks_first, ticket).await {
            RefundWord::Done => Action::CompleteRefund { refund },
            RefundWord::Refused(reason) => Action::FailRefund { refund, reason: reason.into() },
        };
        die_at("refund-answered");
        self.note(performance, action).await;
        die_at("refund-noted");
    }
}

fn bill(performance: &PerformanceId, state: &State, order: OrderId) -> Option<Bill> {
    let view = state.order(order).filter(|view| view.state == OrderStateName::Paying)?;
    let charge = Charge {
        payment: PaymentName {
            order_reference: order_reference(performance, view.hold),
            payment_key: view.payment_key.to_owned(),
        },
        amount_minor: view.amount_minor,
        currency: state.settings().currency.to_string(),
        idempotency_key: String::new(),
    };
    Some(Bill { order, charge })
}

fn repayment(performance: &PerformanceId, state: &State, refund: RefundId) -> Option<Repayment> {
    let view = state.refund(refund).filter(|view| *view.state == RefundState::Pending)?;
    let order = state.order(view.order)?;
    let cancellation = Cancellation {
        payment: PaymentName {
            order_reference: order_reference(performance, order.hold),
            payment_key: order.payment_key.to_owned(),
        },
        amount_minor: Some(view.amount_minor),
        currency: state.settings().currency.to_string(),
        reason: refund_mark(refund),
        idempotency_key: String::new(),
    };
    let balance_after_minor =
        order.amount_minor.saturating_sub(order.refunded_minor).saturating_sub(view.amount_minor);
    Some(Repayment { refund, cancellation, balance_after_minor })
}
