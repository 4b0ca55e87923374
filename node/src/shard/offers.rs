//! News for waiters: offers made and lapsed, told once they are durable.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{BuyerId, HoldId, HoldView, SeatIndex, Sequence, State, Timestamp};
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
    /// The offer lapsed.
    Lapsed {
        /// The hold that was.
        hold: HoldId,
        /// The seat.
        seat: SeatIndex,
    },
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
    /// Offers that were open at the start.
    open: Vec<OfferNews>,
    /// The entry up to which they were read: they are told once it is durable.
    as_of: Sequence,
    /// Offers told at the start, which may be told again once they are durable.
    told: Vec<HoldId>,
    receiver: Option<mpsc::Receiver<OfferNews>>,
}

impl OfferWatch {
    pub(super) fn new(shard: &Arc<Shard>, buyer: &BuyerId) -> Self {
        // Subscribe first: an offer made in between is told twice rather than never, and `told` removes the second.
        let receiver = shard.offers.subscribe(buyer);
        let (open, as_of) = shard.read(|state| (open_offers(state, buyer), state.sequence()));
        let told = open
            .iter()
            .filter_map(|news| if let OfferNews::Offered { hold, .. } = news { Some(*hold) } else { None })
            .collect();
        Self { shard: Arc::clone(shard), open, as_of, told, receiver }
    }

    /// The next piece of news, the open offers first; none when the watch ended: watch again.
    pub async fn next(&mut self) -> Option<OfferNews> {
        if !self.open.is_empty() {
            self.shard.until_durable(self.as_of, Duration::MAX).await.ok()?;
            return self.open.pop();
        }
        loop {
            let news = self.receiver.as_mut()?.recv().await?;
            match news {
                OfferNews::Offered { hold, .. } if self.told.contains(&hold) => {}
                _ => return Some(news),
            }
        }
    }
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
