//! The provider has refused a refund for good: the seats stay sold.

use smallvec::smallvec;

use super::Events;
use super::complete_refund::pending_refund;
use crate::{Event, RefundId, Rejection, State};

pub(super) fn decide(state: &State, id: RefundId, reason: &str) -> Result<Events, Rejection> {
    let (refund, _) = pending_refund(state, id)?;
    Ok(smallvec![Event::RefundFailed { refund: id, order: refund.order, reason: reason.into() }])
}
