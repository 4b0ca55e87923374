//! Reads the final state through the public API.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context;
use earlybird_proto::v1::order::State;
use earlybird_proto::v1::{
    GetHoldRequest, GetSeatMapRequest, ListOrdersRequest, ListWaitlistEntriesRequest, Order,
};
use futures::StreamExt;
use futures::stream;
use tonic::Code;

use super::{FinalState, HoldView, OrderState, OrderView, OtherLedgers, PlacesView, holds, others};
use crate::clock::Clock;
use crate::command::{Names, trailing_number};
use crate::connect::{Wire, orders, seating, waitlist};
use crate::ids::{Buyer, HoldId, OrderId, Seat};
use crate::ledger::{Entry, Ledger};
use crate::limits::{CHECK_CALLS_IN_FLIGHT_MAX, CHECK_LOOKUPS_MAX, CHECK_PAYMENTS_WAIT_MAX};
use crate::onsale::house::until_reachable;
use crate::onsale::view::Counts;

/// Largest page of orders.
const PAGE_SIZE: i32 = 1_000;

/// Reads the final state of a performance.
pub(crate) struct Reader<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) names: &'a Names,
    pub(crate) clock: Clock,
    /// How long the server may be away.
    pub(crate) patience: Duration,
    /// Where the provider's simulator is, if its books are to be compared.
    pub(crate) toss_sim: Option<&'a str>,
    /// Orders that were there before the run.
    pub(crate) before: &'a HashSet<OrderId>,
}

impl Reader<'_> {
    /// The final state, as far as `ledger` makes it worth asking.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub(crate) async fn read(&self, ledger: &Ledger) -> anyhow::Result<FinalState> {
        // Holds first: they do not wait.
        let holds = self.holds(ledger).await.context("holds cannot be read")?;
        let places = self.places(ledger).await.context("waitlist places cannot be read")?;
        let orders = self.settled_orders().await.context("orders cannot be read")?;
        let request = || async {
            seating(self.wire)
                .get_seat_map(GetSeatMapRequest { performance: self.names.performance().to_owned() })
                .await
        };
        let map = until_reachable(self.patience, request)
            .await
            .context("the seat map cannot be read")?
            .into_inner();
        let counts = map.counts.unwrap_or_default();
        Ok(FinalState {
            states: map.states.to_vec(),
            counts: Counts {
                free: counts.free,
                held: counts.held,
                paying: counts.paying,
                sold: counts.sold,
                blocked: counts.blocked,
            },
            orders,
            holds,
            places,
            others: self.others().await?,
        })
    }

    /// Last: no order is under way any more.
    async fn others(&self) -> anyhow::Result<Option<OtherLedgers>> {
        match self.toss_sim {
            Some(url) => others::read(self.wire, self.names, self.patience, url).await.map(Some),
            None => Ok(None),
        }
    }

    async fn holds(&self, ledger: &Ledger) -> Result<Vec<HoldView>, tonic::Status> {
        let mut live = holds::live(ledger, self.clock.now());
        live.truncate(CHECK_LOOKUPS_MAX);
        let mut views = Vec::with_capacity(live.len());
        let mut calls = stream::iter(live.into_iter().map(|(hold, buyer)| self.hold(hold, buyer)))
            .buffer_unordered(CHECK_CALLS_IN_FLIGHT_MAX);
        while let Some(view) = calls.next().await {
            views.push(view?);
        }
        Ok(views)
    }

    async fn hold(&self, hold: HoldId, buyer: Buyer) -> Result<HoldView, tonic::Status> {
        let request = GetHoldRequest { name: self.names.hold(hold), buyer_id: self.names.buyer(buyer) };
        let call = || async { seating(self.wire).get_hold(request.clone()).await };
        let found = match until_reachable(self.patience, call).await {
            Ok(reply) => {
                let hold = reply.into_inner();
                Some((hold.buyer_id, hold.seats))
            }
            Err(status) if matches!(status.code(), Code::NotFound | Code::PermissionDenied) => None,
            Err(status) => return Err(status),
        };
        Ok(HoldView { hold, answered: self.clock.now(), found })
    }

    async fn places(&self, ledger: &Ledger) -> Result<Vec<PlacesView>, tonic::Status> {
        let joined = ledger.records.iter().filter_map(|record| match record.entry {
            Entry::Joined(buyer, ..) => Some(buyer),
            _ => None,
        });
        let mut buyers: Vec<Buyer> = joined.collect();
        buyers.sort_unstable();
        buyers.dedup();
        buyers.truncate(CHECK_LOOKUPS_MAX);
        let mut views = Vec::with_capacity(buyers.len());
        let mut calls = stream::iter(buyers.into_iter().map(|buyer| self.places_of(buyer)))
            .buffer_unordered(CHECK_CALLS_IN_FLIGHT_MAX);
        while let Some(view) = calls.next().await {
            views.push(view?);
        }
        Ok(views)
    }

    async fn places_of(&self, buyer: Buyer) -> Result<PlacesView, tonic::Status> {
        let request = ListWaitlistEntriesRequest {
            parent: self.names.performance().to_owned(),
            buyer_id: self.names.buyer(buyer),
        };
        let call = || async { waitlist(self.wire).list_waitlist_entries(request.clone()).await };
        let reply = until_reachable(self.patience, call).await?.into_inner();
        let places = reply.entries.iter().map(|entry| (Seat(entry.seat), entry.position)).collect();
        Ok(PlacesView { buyer, places })
    }

    /// All new orders, once none is under way, or as they are when that takes too long.
    async fn settled_orders(&self) -> Result<Vec<OrderView>, tonic::Status> {
        let deadline = tokio::time::Instant::now() + CHECK_PAYMENTS_WAIT_MAX;
        loop {
            let mut orders = orders_now(self.wire, self.names, self.patience).await?;
            orders.retain(|order| !self.before.contains(&order.order));
            let undecided =
                |order: &OrderView| matches!(order.state, OrderState::Paying | OrderState::Refunding);
            if !orders.iter().any(undecided) || tokio::time::Instant::now() >= deadline {
                return Ok(orders);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// All orders of the performance.
///
/// # Errors
/// When the server cannot be reached within `patience`, or refuses.
pub(crate) async fn orders_now(
    wire: &Wire,
    names: &Names,
    patience: Duration,
) -> Result<Vec<OrderView>, tonic::Status> {
    let mut views = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListOrdersRequest {
            parent: names.performance().to_owned(),
            buyer_id: String::new(),
            page_size: PAGE_SIZE,
            page_token,
        };
        let call = || async { orders(wire).list_orders(request.clone()).await };
        let page = until_reachable(patience, call).await?.into_inner();
        for order in page.orders {
            // One that cannot be read would look as if it were not there.
            let name = order.name.clone();
            let unreadable = || tonic::Status::internal(format!("{name:?} is not the name of an order"));
            views.push(view(order).ok_or_else(unreadable)?);
        }
        if page.next_page_token.is_empty() {
            return Ok(views);
        }
        page_token = page.next_page_token;
    }
}

fn view(order: Order) -> Option<OrderView> {
    let state = match order.state() {
        State::Unspecified | State::Paying | State::AwaitingDeposit => OrderState::Paying,
        State::Paid | State::PartiallyRefunded => OrderState::Paid,
        State::Declined => OrderState::Declined,
        State::Refunding => OrderState::Refunding,
        State::Refunded => OrderState::Refunded,
    };
    Some(OrderView {
        order: OrderId(trailing_number(&order.name)?),
        hold: trailing_number(&order.hold).map(HoldId),
        buyer: order.buyer_id,
        seats: order.seats,
        seats_left: order.seats_left,
        state,
        amount_minor: order.amount_minor,
        refunded_minor: order.refunded_minor,
    })
}
