//! Folds seat guard changes, so that a seat is written once however often it changes within a batch.
//!
//! Only the changes up to the first `Take` of a seat depend on what the database has. A `Take` asks that the seat be
//! nobody's, its own already, or an order's that gave it back earlier in the batch; everything behind it is decided
//! here. What is left per seat: who may have it now (`replaces`), and who has it afterwards (`owner`).

use std::collections::BTreeMap;

use crate::batch::SeatGuardChange;
use crate::error::AppendError;
use crate::ids::{OrderId, PerformanceId, Seat};
use crate::plan::invalid;

/// What a batch does to one seat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SeatPlan<'a> {
    pub(crate) performance: &'a PerformanceId,
    pub(crate) seat: Seat,
    /// Whether it is taken within the batch: then an owner outside `replaces` is a conflict.
    pub(crate) takes: bool,
    /// The orders that may have it now. Their row is replaced or removed.
    pub(crate) replaces: Vec<OrderId>,
    /// The order that has it afterwards.
    pub(crate) owner: Option<OrderId>,
}

impl SeatPlan<'_> {
    /// Whether the seat may be taken although that order has it.
    pub(crate) fn allows(&self, holder: OrderId) -> bool {
        !self.takes || self.replaces.contains(&holder)
    }

    /// An [`AppendError::Conflict`] naming who has the seat.
    pub(crate) fn conflict(&self, holder: OrderId) -> AppendError {
        let Self { performance, seat, .. } = self;
        AppendError::Conflict { what: format!("{performance}: seat {seat} belongs to order {holder}") }
    }

    fn take(&mut self, order: OrderId) -> Result<(), AppendError> {
        match self.owner {
            Some(holder) if holder != order => Err(self.conflict(holder)),
            Some(_) => Ok(()),
            None => {
                if !self.takes {
                    self.takes = true;
                    self.may_hold(order);
                }
                self.owner = Some(order);
                Ok(())
            }
        }
    }

    fn free(&mut self, order: OrderId) {
        if !self.takes {
            self.may_hold(order);
        } else if self.owner == Some(order) {
            self.owner = None;
        }
    }

    fn may_hold(&mut self, order: OrderId) {
        if !self.replaces.contains(&order) {
            self.replaces.push(order);
        }
    }
}

/// One plan per seat, ordered by performance and seat.
pub(crate) fn fold_seats(changes: &[SeatGuardChange]) -> Result<Vec<SeatPlan<'_>>, AppendError> {
    let mut plans: BTreeMap<(&PerformanceId, Seat), SeatPlan<'_>> = BTreeMap::new();
    for change in changes {
        let (SeatGuardChange::Take { performance, order, seat }
        | SeatGuardChange::Free { performance, order, seat }) = change;
        if i64::try_from(order.0).is_err() || i32::try_from(seat.0).is_err() {
            return invalid(format!("{performance}: seat {seat} or order {order} is too large"));
        }
        let plan = plans.entry((performance, *seat)).or_insert_with(|| SeatPlan {
            performance,
            seat: *seat,
            takes: false,
            replaces: Vec::new(),
            owner: None,
        });
        match change {
            SeatGuardChange::Take { .. } => plan.take(*order)?,
            SeatGuardChange::Free { .. } => plan.free(*order),
        }
    }
    Ok(plans.into_values().collect())
}
