//! Whether the orders that other systems query are those of the journal (I12).

use std::collections::HashMap;

use earlybird_engine::{OrderStateName, SeatIndex};
use earlybird_persistence::{
    OrderCursor, OrderDetails, OrderFilter, OrderRow, Seat, Sequence, Store, StoreError,
};

use super::findings::Findings;
use super::journal::{AuditError, PAGE_ROWS};
use super::ledger::{Ledger, OrderRecord};
use super::replay::Replay;
use super::rule::Rule;
use crate::catalog::PerformanceInfo;

/// Compares the orders table, row by row.
pub(super) async fn compare_orders(
    store: &dyn Store,
    info: &PerformanceInfo,
    replay: &mut Replay,
) -> Result<(), AuditError> {
    let Replay { ledger, findings, entries, .. } = replay;
    let mut table = OrdersTable::new(ledger, &info.settings.currency, *entries);
    let filter = OrderFilter { performance: Some(info.id.clone()), buyer: None };
    let mut after: Option<OrderCursor> = None;
    loop {
        let page = match store.list_orders(&filter, after.as_ref(), PAGE_ROWS).await {
            Ok(page) => page,
            Err(StoreError::Corrupt { what }) => {
                findings.violated(Rule::OrdersTable, || format!("{what}; the rest of the table is not read"));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        page.iter().for_each(|row| table.row(row, findings));
        after = page.last().map(OrderCursor::from);
        if page.len() < PAGE_ROWS {
            break;
        }
    }
    let newest = table.newest_sequence;
    table.end(findings);
    if newest > *entries {
        require_entry(store, info, newest, findings).await?;
    }
    Ok(())
}

/// A row of the orders table that is ahead of the audit was caused by an entry that is there.
async fn require_entry(
    store: &dyn Store,
    info: &PerformanceInfo,
    sequence: u64,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let entries = store.journal(&info.id, Sequence(sequence - 1), 1).await?;
    findings.require(Rule::OrdersTable, !entries.is_empty(), || {
        format!("an order changed by entry {sequence}, which the journal does not have")
    });
    Ok(())
}

/// The table beside the books.
pub(super) struct OrdersTable<'l> {
    /// By number; what is still here at the end is missing in the table.
    missing: HashMap<u64, OrderRecord<'l>>,
    currency: &'l str,
    /// The last entry of the books. The table may be ahead of it.
    last_sequence: u64,
    /// The last entry that a row names.
    pub(super) newest_sequence: u64,
}

impl<'l> OrdersTable<'l> {
    /// The books as they are after entry `last_sequence`.
    pub(super) fn new(ledger: &'l Ledger, currency: &'l str, last_sequence: u64) -> Self {
        Self { missing: (1..).zip(ledger.orders()).collect(), currency, last_sequence, newest_sequence: 0 }
    }

    /// Compares one row. One that changed after the last entry of the books says nothing about them.
    pub(super) fn row(&mut self, row: &OrderRow, findings: &mut Findings) {
        self.newest_sequence = self.newest_sequence.max(row.sequence.0);
        let record = self.missing.remove(&row.order.0);
        if row.sequence.0 > self.last_sequence {
            return;
        }
        let agree = record.as_ref().is_some_and(|record| is_row(record, row, self.currency));
        findings.require(Rule::OrdersTable, agree, || match record {
            Some(record) => {
                format!("order {} is {record:?} by the journal, and {row:?} in the table", row.order)
            }
            None => format!("order {} of entry {} is in the table alone", row.order, row.sequence),
        });
    }

    /// All rows were compared.
    pub(super) fn end(self, findings: &mut Findings) {
        for order in self.missing.into_keys() {
            findings.violated(Rule::OrdersTable, || format!("order {order} is not in the table"));
        }
    }
}

fn is_row(record: &OrderRecord<'_>, row: &OrderRow, currency: &str) -> bool {
    let seats = |seats: &[SeatIndex]| -> Vec<Seat> { seats.iter().map(|seat| Seat(seat.0)).collect() };
    row.buyer.as_str() == &*record.buyer.0
        && row.state == state_name(record)
        && row.amount_minor == record.amount_minor
        && row.refunded_minor == record.refunded_minor
        && row.currency == currency
        && row.seats == seats(record.seats)
        && row.payment_key.as_deref() == Some(record.payment_key)
        && row.created_at.0 == record.began_at.0
        && row.updated_at.0 == record.changed_at.0
        && row.sequence.0 == record.changed_by.0
        && row.hold.0 == record.hold.0
        && row.seats_left == seats(record.seats_left)
        && row.decline_reason.as_deref() == record.decline_reason
        && has_details(record, &row.details)
}

/// The document says of the money what the books say.
fn has_details(record: &OrderRecord<'_>, details: &OrderDetails) -> bool {
    let completed = || details.refunds.iter().filter(|refund| refund.state == "COMPLETED");
    details.coupon.as_deref() == record.coupon.map(|coupon| &*coupon.coupon)
        && details.discount_minor == record.coupon.map_or(0, |coupon| coupon.discount_minor)
        && details.fees_minor == record.fees_minor
        && details.deposit_deadline_ms == record.deposit_deadline.map(|deadline| deadline.0)
        && details.captured_late == record.captured_late
        && completed().map(|refund| refund.amount_minor).sum::<i64>() == record.refunded_minor
        && completed().map(|refund| refund.fee_minor).sum::<i64>() == record.fees_minor
}

/// The state of an order in the words of the API, by the books alone.
fn state_name(record: &OrderRecord<'_>) -> &'static str {
    match record.state {
        OrderStateName::Paying if record.deposit_deadline.is_some() => "AWAITING_DEPOSIT",
        OrderStateName::Paying => "PAYING",
        OrderStateName::Paid if record.seats_left.len() == record.seats.len() => "PAID",
        OrderStateName::Paid => "PARTIALLY_REFUNDED",
        OrderStateName::Declined => "DECLINED",
        OrderStateName::Refunding => "REFUNDING",
        OrderStateName::Refunded => "REFUNDED",
    }
}
