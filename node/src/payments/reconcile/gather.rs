//! The orders that began in a window, newest first, page by page.

use earlybird_persistence::{
    OrderCursor, OrderFilter, OrderId, OrderRow, PerformanceId, Store, StoreError, UnixMillis,
};

use crate::payments::Window;

/// Orders of one page.
const PAGE_ROWS: usize = 1_000;

/// Pages of orders.
pub(super) struct Pages<'s> {
    store: &'s dyn Store,
    window: Window,
    /// Where the next page starts; none after the last.
    cursor: Option<OrderCursor>,
}

impl<'s> Pages<'s> {
    pub(super) fn new(store: &'s dyn Store, window: Window) -> Self {
        // Before every order of the first moment after the window.
        let (performance, order) = (PerformanceId::from(""), OrderId(0));
        let cursor = Some(OrderCursor { created_at: UnixMillis(window.to.0), performance, order });
        Self { store, window, cursor }
    }

    /// The next page, which may be empty; none after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<OrderRow>>, StoreError> {
        let Some(cursor) = self.cursor.take() else { return Ok(None) };
        let filter = OrderFilter::default();
        let mut rows = self.store.list_orders(&filter, Some(&cursor), PAGE_ROWS).await?;
        let is_full = rows.len() == PAGE_ROWS;
        let last = rows.last().map(OrderCursor::from);
        rows.retain(|row| row.created_at.0 >= self.window.from.0);
        // A page that lost rows has reached the start of the window.
        self.cursor = last.filter(|last| is_full && last.created_at.0 >= self.window.from.0);
        Ok(Some(rows))
    }
}
