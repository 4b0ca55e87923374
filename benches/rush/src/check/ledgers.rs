//! I3: three ledgers that are kept apart agree to the last unit: the provider's, the orders that `ListOrders` shows, and
//! what the journal adds up to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Evidence, Findings, OrderState, OrderView};
use crate::ids::HoldId;

/// What one ledger says, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LedgerSum {
    /// Payments that were captured.
    pub payments: u64,
    /// What was captured.
    pub captured_minor: i64,
    /// What of it went back.
    pub refunded_minor: i64,
}

/// What moved for one hold, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PaymentView {
    /// The hold that was paid.
    pub hold: HoldId,
    /// What was captured.
    pub captured_minor: i64,
    /// What of it went back.
    pub refunded_minor: i64,
}

/// What the orders are held against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OtherLedgers {
    /// The provider's payments whose money was captured.
    pub provider: Vec<PaymentView>,
    /// What the journal adds up to.
    pub journal: LedgerSum,
}

/// The three ledgers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ledgers {
    /// The provider's.
    pub provider: LedgerSum,
    /// The orders'.
    pub orders: LedgerSum,
    /// The journal's.
    pub journal: LedgerSum,
}

impl LedgerSum {
    /// What was captured and has not gone back.
    pub fn kept_minor(&self) -> i64 {
        self.captured_minor - self.refunded_minor
    }

    fn of(payments: &[PaymentView]) -> LedgerSum {
        payments.iter().fold(LedgerSum::default(), |sum, payment| LedgerSum {
            payments: sum.payments + 1,
            captured_minor: sum.captured_minor + payment.captured_minor,
            refunded_minor: sum.refunded_minor + payment.refunded_minor,
        })
    }
}

impl Ledgers {
    /// The ledgers of a final state, if others than the orders were read.
    pub(crate) fn of(orders: &[OrderView], others: Option<&OtherLedgers>) -> Option<Ledgers> {
        let others = others?;
        let charged: Vec<PaymentView> = orders.iter().filter_map(charge).collect();
        Some(Ledgers {
            provider: LedgerSum::of(&others.provider),
            orders: LedgerSum::of(&charged),
            journal: others.journal,
        })
    }

    /// Each with its name for people.
    pub fn rows(&self) -> [(&'static str, LedgerSum); 3] {
        [("payment provider", self.provider), ("orders", self.orders), ("journal", self.journal)]
    }

    /// Whether they agree.
    pub fn agree(&self) -> bool {
        self.provider == self.orders && self.orders == self.journal
    }
}

/// What an order was charged. One that a coupon paid in full is no business of the provider's.
fn charge(order: &OrderView) -> Option<PaymentView> {
    let is_charged = !matches!(order.state, OrderState::Paying | OrderState::Declined);
    (is_charged && order.amount_minor > 0).then_some(PaymentView {
        // A hold that is not named has a difference of its own.
        hold: order.hold.unwrap_or_default(),
        captured_minor: order.amount_minor,
        refunded_minor: order.refunded_minor,
    })
}

pub(super) fn check(evidence: &Evidence<'_>, findings: &mut Findings) {
    let Some(others) = &evidence.state.others else { return };
    let orders: Vec<PaymentView> = evidence.state.orders.iter().filter_map(charge).collect();
    let (by_provider, by_orders) = (by_hold(&others.provider), by_hold(&orders));
    let mut holds: Vec<HoldId> = by_provider.keys().chain(by_orders.keys()).copied().collect();
    holds.sort_unstable();
    holds.dedup();
    let mut wrong: Vec<String> = holds
        .iter()
        .filter(|hold| by_provider.get(hold) != by_orders.get(hold))
        .map(|hold| {
            format!(
                "hold {}: the provider has {}, the orders {}",
                hold.0,
                shown(by_provider.get(hold)),
                shown(by_orders.get(hold))
            )
        })
        .collect();
    let sum = LedgerSum::of(&orders);
    if sum != others.journal {
        wrong.push(format!("the orders add up to {sum:?}, the journal to {:?}", others.journal));
    }
    findings.add(
        "I3",
        "the provider, the orders and the journal agree on every payment",
        holds.len() as u64,
        wrong,
    );
}

/// The payments of each hold. There may be several: one that was declined and captured all the same goes back, and the
/// hold is paid by another.
fn by_hold(payments: &[PaymentView]) -> BTreeMap<HoldId, Vec<PaymentView>> {
    let mut by_hold: BTreeMap<HoldId, Vec<PaymentView>> = BTreeMap::new();
    for payment in payments {
        by_hold.entry(payment.hold).or_default().push(*payment);
    }
    by_hold.values_mut().for_each(|payments| payments.sort_unstable());
    by_hold
}

fn shown(payments: Option<&Vec<PaymentView>>) -> String {
    let amounts = |payment: &PaymentView| {
        format!("{} captured, {} given back", payment.captured_minor, payment.refunded_minor)
    };
    payments.map_or_else(
        || "nothing".to_owned(),
        |payments| payments.iter().map(amounts).collect::<Vec<_>>().join(" and "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{FinalState, Rules};
    use crate::ids::{Buyer, OrderId};
    use crate::ledger::Ledger;

    /// An order of hold 1 for 200, of which so much went back.
    fn order(state: OrderState, refunded_minor: i64) -> OrderView {
        OrderView {
            order: OrderId(1),
            hold: Some(HoldId(1)),
            buyer: "b1".to_owned(),
            seats: vec![1, 2],
            seats_left: vec![],
            state,
            amount_minor: 200,
            refunded_minor,
        }
    }

    fn payment(captured_minor: i64, refunded_minor: i64) -> PaymentView {
        PaymentView { hold: HoldId(1), captured_minor, refunded_minor }
    }

    fn sum(payments: u64, captured_minor: i64, refunded_minor: i64) -> LedgerSum {
        LedgerSum { payments, captured_minor, refunded_minor }
    }

    /// Compares, and expects a violation with these words, or none.
    fn expect(words: &str, orders: &[OrderView], provider: &[PaymentView], journal: LedgerSum) {
        let others = OtherLedgers { provider: provider.to_vec(), journal };
        let ledgers = Ledgers::of(orders, Some(&others)).expect("there are others");
        let state = FinalState { orders: orders.to_vec(), others: Some(others), ..FinalState::default() };
        let rules = Rules { prices: vec![100; 4], memory_ack: false, seats_per_buyer_max: 4 };
        let (ledger, name_of) = (Ledger::default(), |_: Buyer| String::new());
        let mut findings = Findings::default();
        check(&Evidence { ledger: &ledger, state: &state, rules: &rules, name_of: &name_of }, &mut findings);
        let said: Vec<&str> = findings.violations.iter().map(|violation| violation.detail.as_str()).collect();
        if words.is_empty() {
            assert!(said.is_empty() && ledgers.agree(), "{said:?}");
        } else {
            assert!(said.iter().any(|said| said.contains(words)), "{words:?} in {said:?}");
        }
    }

    #[test]
    fn ledgers_that_agree() {
        expect("", &[order(OrderState::Paid, 0)], &[payment(200, 0)], sum(1, 200, 0));
        expect("", &[order(OrderState::Refunded, 200)], &[payment(200, 200)], sum(1, 200, 200));
        expect("", &[order(OrderState::Declined, 0)], &[], sum(0, 0, 0));
        // Captured although it was said to be declined, and given back; then paid by another card.
        let orders = [order(OrderState::Refunded, 200), order(OrderState::Paid, 0)];
        expect("", &orders, &[payment(200, 0), payment(200, 200)], sum(2, 400, 200));
    }

    #[test]
    fn ledgers_that_do_not() {
        let paid = [order(OrderState::Paid, 0)];
        expect("the provider has nothing", &paid, &[], sum(1, 200, 0));
        expect("the orders nothing", &[], &[payment(200, 0)], sum(0, 0, 0));
        expect("200 captured, 1 given back", &paid, &[payment(200, 1)], sum(1, 200, 0));
        let twice = [payment(200, 0), payment(200, 0)];
        expect("and 200 captured", &paid, &twice, sum(1, 200, 0));
        expect("the journal", &paid, &[payment(200, 0)], sum(1, 199, 0));
    }
}
