//! News for waiters: offers made and lapsed, told once they are durable.
//!
//! An offer has lapsed when it is over and was not paid for: its time ran out, its buyer released it, its payment was declined
//! when no time was left, or the performance was cancelled. What was paid for is an order, and nothing is told of it here, not even
//! when it is refunded. The same can be told of the state later as of the entries at once, so who comes back misses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{BuyerId, HoldId, HoldView, SeatClaim, SeatIndex, Sequence, State, Timestamp};
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::Shard;

/// News that one watcher may leave unread; then it is cut off and comes back to the state as it is.
const UNREAD_MAX: usize = 64;

/// What a waiter needs to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferNews {
    /// The seat is held for the buyer until the deadline.
    Offered {
        /// The hold.
        hold: HoldId,
        /// The seat.
        seat: SeatIndex,
        /// When it lapses.
        deadline: Timestamp,
    },
    /// The offer is over, and was not paid for.
    Lapsed {
        /// The hold that was.
        hold: HoldId,
        /// The seat.
        seat: SeatIndex,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Offered,
    Lapsed,
}

impl OfferNews {
    /// What tells it from other news: of one offer, each kind is told once.
    fn identity(&self) -> (HoldId, Kind) {
        match self {
            Self::Offered { hold, .. } => (*hold, Kind::Offered),
            Self::Lapsed { hold, .. } => (*hold, Kind::Lapsed),
        }
    }
}

/// The watchers of a shard by buyer. None once the shard is closed.
pub(super) struct OfferFeed {
    watchers: Mutex<Option<HashMap<BuyerId, Vec<mpsc::Sender<OfferNews>>>>>,
}

impl OfferFeed {
    pub(super) fn new() -> Self {
        Self { watchers: Mutex::new(Some(HashMap::new())) }
    }

    /// Tells the watchers of one buyer. Watchers that are gone, or too slow, are dropped.
    pub(super) fn tell(&self, buyer: &BuyerId, news: OfferNews) {
        let mut watchers = self.watchers.lock();
        let Some(watchers) = watchers.as_mut() else { return };
        let Some(senders) = watchers.get_mut(buyer) else { return };
        senders.retain(|sender| sender.try_send(news).is_ok());
        if senders.is_empty() {
            watchers.remove(buyer);
        }
    }

    pub(super) fn close(&self) {
        self.watchers.lock().take();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.watchers.lock().as_ref().is_none_or(HashMap::is_empty)
    }

    fn subscribe(&self, buyer: &BuyerId) -> Option<mpsc::Receiver<OfferNews>> {
        let (sender, receiver) = mpsc::channel(UNREAD_MAX);
        let mut watchers = self.watchers.lock();
        let senders = watchers.as_mut()?.entry(buyer.clone()).or_default();
        senders.retain(|sender| !sender.is_closed());
        senders.push(sender);
        Some(receiver)
    }

    /// Forgets watchers that went away without another word.
    pub(super) fn sweep(&self) {
        if let Some(watchers) = self.watchers.lock().as_mut() {
            watchers.retain(|_, senders| {
                senders.retain(|sender| !sender.is_closed());
                !senders.is_empty()
            });
        }
    }
}

/// The watch of one buyer.
pub struct OfferWatch {
    shard: Arc<Shard>,
    /// What there was to tell at the start, last first: known offers that were over, and those that were open.
    first: Vec<OfferNews>,
    /// The entry up to which it was read: it is told once that is durable.
    as_of: Sequence,
    /// The same again, by which what is told a second time is known.
    told: Vec<(HoldId, Kind)>,
    receiver: Option<mpsc::Receiver<OfferNews>>,
}

impl OfferWatch {
    pub(super) fn new(
        shard: &Arc<Shard>,
        buyer: &BuyerId,
        known: impl Iterator<Item = (HoldId, SeatIndex)>,
    ) -> Self {
        // Subscribe first: what happens in between is told twice rather than never, and `told` removes the second.
        let receiver = shard.offers.subscribe(buyer);
        let (first, as_of) = shard.read(|state| {
            let mut first = open_offers(state, buyer);
            first.extend(lapsed(state, known));
            (first, state.sequence())
        });
        let told = first.iter().map(OfferNews::identity).collect();
        Self { shard: Arc::clone(shard), first, as_of, told, receiver }
    }

    /// The next piece of news, what there was at the start first; none when the watch ended: watch again.
    pub async fn next(&mut self) -> Option<OfferNews> {
        if !self.first.is_empty() {
            self.shard.until_durable(self.as_of, Duration::MAX).await.ok()?;
            return self.first.pop();
        }
        loop {
            let news = self.receiver.as_mut()?.recv().await?;
            if !self.told.contains(&news.identity()) {
                return Some(news);
            }
        }
    }
}

/// The known offers that are over and were not paid for, last first.
fn lapsed(state: &State, known: impl Iterator<Item = (HoldId, SeatIndex)>) -> Vec<OfferNews> {
    let is_sold = |(hold, seat): &(HoldId, SeatIndex)| {
        let Some(SeatClaim::Order(order)) = state.seat_claim(*seat) else { return false };
        state.order(order).is_some_and(|order| order.hold == *hold)
    };
    let mut over: BTreeMap<HoldId, SeatIndex> =
        known.filter(|(hold, _)| state.hold(*hold).is_none()).filter(|offer| !is_sold(offer)).collect();
    if !over.is_empty() {
        // What was paid for may have been refunded since.
        for order in state.orders().filter(|order| order.paid_at.is_some()) {
            over.remove(&order.hold);
        }
    }
    over.into_iter().rev().map(|(hold, seat)| OfferNews::Lapsed { hold, seat }).collect()
}

/// Open offers of a buyer, latest first: they are taken from the end.
fn open_offers(state: &State, buyer: &BuyerId) -> Vec<OfferNews> {
    let mut offers: Vec<_> =
        state.holds_of(buyer).filter(|hold| hold.is_offer && hold.order.is_none()).collect();
    offers.sort_unstable_by_key(|offer| std::cmp::Reverse(offer.hold));
    let news = |offer: HoldView<'_>| {
        let seat = *offer.seats.first()?;
        Some(OfferNews::Offered { hold: offer.hold, seat, deadline: offer.deadline })
    };
    offers.into_iter().filter_map(news).collect()
}
