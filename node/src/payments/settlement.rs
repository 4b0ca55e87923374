//! One payment, one refund: from the journal to the provider, and from the provider's word to the journal.

use std::sync::Arc;

use earlybird_engine::{Action, OrderId, OrderStateName, RefundId, RefundState, State};
use earlybird_persistence::PerformanceId;

use super::confirming::{ANOTHER_AMOUNT, Bill, Word};
use super::reference::{REVERSION_MARK, order_reference, refund_mark};
use super::refunding::{RefundWord, Repayment};
use super::shards::Noted;
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
        let look = |shard: &Arc<Shard>| {
            shard.read(|state| {
                let bill = bill(performance, state, order, OrderStateName::Paying)?;
                Some((bill, state.is_payment_returned(order)))
            })
        };
        let Ok(Some((mut bill, is_returned))) = self.on_shard(performance, look).await else { return };
        die_at("pay-begun");
        let first = if is_returned {
            // The provider may have the money yet, but it is on its way back.
            Some(Word::Declined("PAYMENT_RETURNED".to_owned()))
        } else {
            self.word_on(&mut bill, asks_first, ticket).await
        };
        let Some(first) = first else { return };
        // Else it may change after the last question: a payment captured after all, a deposit taken back.
        let is_captured = first == Word::Captured;
        let Some(word) = self.last_word(performance, &bill, first, ticket).await else { return };
        die_at("pay-answered");
        // In another sum, it may be the money of another order, which gets its seats now, or is given it back.
        let is_another_sum = matches!(&word, Word::Declined(reason) if reason == ANOTHER_AMOUNT);
        match word {
            Word::Captured => {
                let noted = self.note(performance, Action::ConfirmPayment { order }).await;
                if matches!(noted, Noted::Rejected(_)) {
                    // Declined meanwhile, by another owner: the money is late.
                    drop(self.review(performance, order, true).await);
                }
            }
            Word::Declined(reason) => {
                let reason = reason.into();
                self.note(performance, Action::DeclinePayment { order, reason }).await;
            }
            // Another account instead of the first: the next run of the node takes it up.
            Word::AwaitingDeposit(_) | Word::CapturedOtherwise(_) => return,
        }
        if is_another_sum || (!is_captured && ticket.has_news()) {
            drop(self.review(performance, order, true).await);
        }
        die_at("pay-noted");
    }

    /// The word that ends a payment, from the first definite one.
    async fn last_word(
        &self,
        performance: &PerformanceId,
        bill: &Bill,
        first: Word,
        ticket: &Ticket,
    ) -> Option<Word> {
        let word = match first {
            Word::AwaitingDeposit(deposit) => {
                self.word_on_deposit(performance, bill, deposit, ticket).await?
            }
            word => word,
        };
        match word {
            Word::CapturedOtherwise(record) => {
                self.word_on_another_sum(performance, bill, &record, ticket).await
            }
            word => Some(word),
        }
    }

    /// Returns the order, if its refund has ended for want of an account.
    pub(super) async fn run_refund(
        &self,
        performance: &PerformanceId,
        refund: RefundId,
        asks_first: bool,
        ticket: &Ticket,
    ) -> Option<OrderId> {
        let look = |shard: &Arc<Shard>| shard.read(|state| repayment(performance, state, refund));
        let Ok(Some(mut repayment)) = self.on_shard(performance, look).await else { return None };
        let order = repayment.order;
        repayment.cancellation.refund_account = self.take_up_account(performance, order).await;
        die_at("refund-begun");
        let word = self.final_word_on_refund(performance, &mut repayment, asks_first, ticket).await?;
        die_at("refund-answered");
        // Before the word is noted: from there on another refund of the order may have an account of its own.
        if let Some(account) = &repayment.cancellation.refund_account {
            self.forget_account(performance, order, account).await;
        }
        let action = match word {
            RefundWord::Done | RefundWord::Reverted => Action::CompleteRefund { refund },
            RefundWord::Refused(reason) => Action::FailRefund { refund, reason: reason.into() },
            RefundWord::AccountNeeded => {
                self.await_account(performance, order);
                return Some(order);
            }
        };
        self.note(performance, action).await;
        die_at("refund-noted");
        None
    }

    /// The word on a refund, and nothing left open behind it.
    async fn final_word_on_refund(
        &self,
        performance: &PerformanceId,
        repayment: &mut Repayment,
        asks_first: bool,
        ticket: &Ticket,
    ) -> Option<RefundWord> {
        let mut word = self.word_on_refund(repayment, asks_first, ticket).await?;
        let order = repayment.order;
        while word == RefundWord::Reverted {
            let look = |shard: &Arc<Shard>| {
                shard.read(|state| bill(performance, state, order, OrderStateName::Refunding))
            };
            let Ok(Some(bill)) = self.on_shard(performance, look).await else { return None };
            match self.close_account(&bill, REVERSION_MARK, ticket).await? {
                // It was paid into again, and that goes back as well.
                Word::Captured | Word::CapturedOtherwise(_) => {
                    word = self.word_on_refund(repayment, true, ticket).await?;
                }
                Word::Declined(_) | Word::AwaitingDeposit(_) => return Some(word),
            }
        }
        Some(word)
    }
}

/// What an order that is in that state is paid with.
pub(super) fn bill(
    performance: &PerformanceId,
    state: &State,
    order: OrderId,
    wanted: OrderStateName,
) -> Option<Bill> {
    let view = state.order(order).filter(|view| view.state == wanted)?;
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
        refund_account: None,
    };
    let balance_after_minor =
        order.amount_minor.saturating_sub(order.refunded_minor).saturating_sub(view.amount_minor);
    Some(Repayment {
        refund,
        order: view.order,
        changed_by: order.last_sequence,
        cancellation,
        needs_account: order.deposit_deadline.is_some(),
        is_asked_for: state.refund_without_asker(view.order) != Some(refund),
        balance_after_minor,
    })
}
