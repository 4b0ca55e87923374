//! Compares the orders of a window with the provider's books, and repairs or reports every difference.
//!
//! ```text
//!  provider: transactions ──► tallies by payment ─┐   same in both ──► agrees
//!                                                 ├─► else ──► review: ask about the payment ──► agrees, repaired, differs
//!  store: orders, newest first ───────────────────┘   │                              └ no answer, another node's: left
//!                                                     └► tally without an order ──► captured without order
//! ```
//!
//! A tally is only a way not to ask about every payment: nothing is reported that a question about the payment has not shown.

mod gather;
mod job;
mod tally;

use std::collections::HashSet;
use std::sync::Arc;

use earlybird_engine::{HoldId, OrderId, Timestamp};
use earlybird_persistence::{OrderRow, PerformanceId, StoreError};
use futures::{StreamExt as _, stream};

pub(crate) use self::job::Reconciliation;
use self::tally::Tallies;
use super::compare::{Difference, DifferenceKind};
use super::reference::order_reference;
use super::review::Reviewed;
use super::{GatewayError, PaymentName, Payments, Window};

/// Questions to the provider at a time: enough to be done soon, and few beside the payments of a sale.
const AT_ONCE_MAX: usize = 16;
/// Longest window.
pub const WINDOW_MS_MAX: u64 = 31 * 24 * 3_600 * 1_000;
/// What is reported one by one; beyond it differences are only counted.
const FINDINGS_MAX: usize = 10_000;

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The provider does not tell.
    #[error(transparent)]
    Provider(#[from] GatewayError),
    /// The store does not tell.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More payments than can be compared at once.
    #[error("more than {0} payments: choose a shorter window")]
    TooMany(usize),
}

/// One order or payment that differed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The order, if there is one.
    pub order: Option<(PerformanceId, OrderId)>,
    /// The payment at the provider.
    pub payment: PaymentName,
    /// How the two sides differ.
    pub difference: Difference,
    /// Whether that was set right.
    pub is_repaired: bool,
}

/// What was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Orders of the window.
    pub orders: u64,
    /// Payments of the window at the provider.
    pub payments: u64,
    /// Questions that were needed about single payments.
    pub asked: u64,
    /// Differences that were set right.
    pub repaired: u64,
    /// What is not known to be right: differences that are left, and orders that were not compared.
    pub left: u64,
    /// Of those left, orders about which the provider gave no definite answer.
    pub unanswered: u64,
    /// Of those left, orders whose performance another node owns. If differences are repaired, it was told to look at them.
    pub elsewhere: u64,
    /// Captured in the window, in minor units; of all currencies together.
    pub captured_minor: i128,
    /// Given back in the window, likewise.
    pub cancelled_minor: i128,
    /// Every difference, up to a bound.
    pub findings: Vec<Finding>,
}

/// How far it is: orders compared so far.
pub type Progress<'a> = &'a (dyn Fn(u64) + Send + Sync);

impl Payments {
    /// Compares the orders that began in the window, and the payments that moved in it; with `repairs`, sets right what can be.
    ///
    /// # Errors
    /// A side does not tell what it has, or has too much.
    pub async fn reconcile(
        self: &Arc<Self>,
        window: Window,
        repairs: bool,
        progress: Progress<'_>,
    ) -> Result<Summary, ReconcileError> {
        let mut tallies = self.tallies(window).await?;
        let (captured_minor, cancelled_minor) = tallies.sums();
        let payments = tallies.len() as u64;
        let mut summary = Summary { payments, captured_minor, cancelled_minor, ..Summary::default() };
        let mut seen = HashSet::new();
        let mut pages = gather::Pages::new(&*self.store, window);
        while let Some(rows) = pages.next().await? {
            summary.orders += rows.len() as u64;
            let suspects = rows.iter().filter(|row| is_suspect(row, &mut tallies, &mut seen));
            let suspects: Vec<_> = suspects
                .map(|row| (row.performance.clone(), OrderId(row.order.0), payment_name(row)))
                .collect();
            self.review_all(suspects, repairs, &mut summary).await?;
            progress(summary.orders);
        }
        self.review_rest(tallies, repairs, &mut summary).await?;
        Ok(summary)
    }

    async fn review_all(
        self: &Arc<Self>,
        suspects: Vec<(PerformanceId, OrderId, PaymentName)>,
        repairs: bool,
        summary: &mut Summary,
    ) -> Result<(), ReconcileError> {
        summary.asked += suspects.len() as u64;
        let review = |(performance, order, payment): (PerformanceId, OrderId, PaymentName)| {
            let payments = Arc::clone(self);
            async move {
                let reviewed = payments.review(&performance, order, repairs).await;
                (performance, order, payment, reviewed)
            }
        };
        let mut reviews = stream::iter(suspects).map(review).buffer_unordered(AT_ONCE_MAX);
        while let Some((performance, order, payment, reviewed)) = reviews.next().await {
            let (order, difference, is_repaired) = match reviewed {
                Ok(Reviewed::Agrees) => continue,
                Ok(Reviewed::Repaired(order, difference)) => (order, difference, true),
                Ok(Reviewed::Differs(order, difference)) => (order, difference, false),
                Ok(Reviewed::NotOurs) => {
                    if repairs {
                        self.leave_to_owner(&performance, order).await?;
                    }
                    summary.add_elsewhere();
                    continue;
                }
                Err(error @ GatewayError::Misconfigured(_)) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%performance, %order, %error, "cannot compare an order");
                    summary.add_unanswered();
                    continue;
                }
            };
            summary.add(Finding { order: Some((performance, order)), payment, difference, is_repaired });
        }
        Ok(())
    }

    /// Payments that moved in the window and belong to no order that began in it: to an earlier one, or to none.
    async fn review_rest(
        self: &Arc<Self>,
        tallies: Tallies,
        repairs: bool,
        summary: &mut Summary,
    ) -> Result<(), ReconcileError> {
        let mut earlier = Vec::new();
        for (payment, tally) in tallies.rest() {
            match self.order_of(&payment).await? {
                Some((performance, order)) => earlier.push((performance, order, payment)),
                None if tally.balance_minor() > 0 => {
                    let kind = DifferenceKind::CapturedWithoutOrder;
                    let difference = Difference { kind, ours_minor: 0, theirs_minor: tally.balance_minor() };
                    summary.add(Finding { order: None, payment, difference, is_repaired: false });
                }
                None => {}
            }
        }
        self.review_all(earlier, repairs, summary).await
    }
}

impl Summary {
    fn add(&mut self, finding: Finding) {
        if finding.is_repaired {
            self.repaired += 1;
        } else {
            let kind = finding.difference.kind.as_str();
            metrics::counter!("earlybird_reconcile_differences_total", "kind" => kind).increment(1);
            self.left += 1;
        }
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    fn add_elsewhere(&mut self) {
        self.elsewhere += 1;
        self.left += 1;
    }

    fn add_unanswered(&mut self) {
        metrics::counter!("earlybird_reconcile_unanswered_total").increment(1);
        self.unanswered += 1;
        self.left += 1;
    }
}

fn payment_name(row: &OrderRow) -> PaymentName {
    PaymentName {
        order_reference: order_reference(&row.performance, HoldId(row.hold.0)),
        payment_key: row.payment_key.as_deref().unwrap_or_default().to_owned(),
    }
}

/// Whether the provider must be asked about an order. Takes its payment's tally away. Rows come newest first: of the orders
/// with one payment only the newest can have its money.
fn is_suspect(row: &OrderRow, tallies: &mut Tallies, seen: &mut HashSet<PaymentName>) -> bool {
    let payment = payment_name(row);
    let tally = tallies.take(&payment);
    if payment.payment_key.is_empty() || row.amount_minor == 0 || !seen.insert(payment) {
        return false;
    }
    match &*row.state {
        "PAID" | "PARTIALLY_REFUNDED" | "REFUNDED" => !tally.is_some_and(|tally| {
            tally.currency == row.currency
                && tally.captured_minor == row.amount_minor
                && tally.cancelled_minor == row.refunded_minor
        }),
        // Nothing of it is ours: only money that moved makes it worth a question.
        _ => tally.is_some_and(|tally| tally.captured_minor > 0 || tally.cancelled_minor > 0),
    }
}

/// A window that is fit to be compared.
///
/// # Errors
/// What is wrong with it.
pub fn check_window(from: Timestamp, to: Timestamp) -> Result<Window, String> {
    if from >= to {
        return Err("must be before to_time".to_owned());
    }
    if to.0 - from.0 > WINDOW_MS_MAX {
        return Err("must be at most 31 days before to_time".to_owned());
    }
    Ok(Window { from, to })
}
