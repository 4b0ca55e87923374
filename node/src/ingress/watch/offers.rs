//! `WatchOffers`.

use std::collections::VecDeque;
use std::sync::Arc;

use earlybird_engine::{BuyerId, HoldId, SeatClaim, SeatIndex, State, Timestamp};
use earlybird_proto::v1::{self, watch_offers_response::News};
use futures::stream::BoxStream;
use hashbrown::HashMap;
use tonic::Status;

use super::{Watch, Watcher};
use crate::clock::Clock;
use crate::ingress::meters::StreamKind;
use crate::ingress::{Ingress, answer, names};
use crate::shard::{OfferNews, OfferWatch, Shard};

/// Offers that were told and of which no end is known are forgotten so long after their deadline: most were paid.
const TOLD_KEPT_MS: u64 = 60_000;

struct OffersNews {
    clock: Arc<Clock>,
    performance: Arc<str>,
    buyer: BuyerId,
    watch: OfferWatch,
    /// Offers that the client knows of, so that a restart tells none twice and no lapse is missed.
    told: HashMap<HoldId, (SeatIndex, Timestamp)>,
    /// Found at a restart, to be told first.
    missed: VecDeque<OfferNews>,
}

impl Ingress {
    /// Watches the offers that `buyer` gets in a shard's performance.
    pub(in crate::ingress) fn watch_offers(
        ingress: &Arc<Self>,
        shard: &Arc<Shard>,
        buyer: BuyerId,
    ) -> BoxStream<'static, Result<v1::WatchOffersResponse, Status>> {
        let info = shard.performance();
        let news = OffersNews {
            clock: Arc::clone(&ingress.node.clock),
            performance: Arc::clone(&info.name),
            watch: shard.watch_offers(&buyer),
            buyer,
            told: HashMap::new(),
            missed: VecDeque::new(),
        };
        let live = ingress.meters.stream(StreamKind::WatchOffers);
        Watcher { ingress: Arc::clone(ingress), performance: info.id.clone(), watch: news, _live: live }
            .stream()
    }
}

impl Watch for OffersNews {
    type News = v1::WatchOffersResponse;

    async fn next(&mut self) -> Option<Self::News> {
        loop {
            let news = match self.missed.pop_front() {
                Some(news) => news,
                None => self.watch.next().await?,
            };
            if let Some(news) = self.tell(news) {
                return Some(v1::WatchOffersResponse { news: Some(news) });
            }
        }
    }

    fn resume(&mut self, shard: &Arc<Shard>) {
        self.watch = shard.watch_offers(&self.buyer);
        let now = self.clock.now();
        let (told, buyer) = (&self.told, &self.buyer);
        self.missed = shard.read(|state| {
            let lapsed = told.iter().filter(|&(&hold, &(seat, deadline))| {
                now >= deadline && state.hold(hold).is_none() && !is_bought(state, buyer, seat)
            });
            lapsed.map(|(&hold, &(seat, _))| OfferNews::Lapsed { hold, seat }).collect()
        });
    }
}

impl OffersNews {
    /// The message of a piece of news; none when the client has it already.
    fn tell(&mut self, news: OfferNews) -> Option<News> {
        let now = self.clock.now();
        match news {
            OfferNews::Offered { hold, seat, deadline } => {
                self.told.retain(|_, (_, deadline)| now.since(*deadline).0 < TOLD_KEPT_MS);
                let is_new = self.told.insert(hold, (seat, deadline)).is_none();
                is_new.then(|| {
                    News::Offer(v1::Offer {
                        hold: names::of_hold(&self.performance, hold),
                        seat: seat.0,
                        expire_time: Some(answer::time(deadline)),
                        server_time: Some(answer::time(now)),
                        remaining: Some(answer::remaining(now, deadline)),
                    })
                })
            }
            OfferNews::Lapsed { hold, seat } => {
                self.told.remove(&hold);
                let hold = names::of_hold(&self.performance, hold);
                Some(News::Lapsed(v1::OfferLapsed { hold, seat: seat.0 }))
            }
        }
    }
}

/// Whether the seat was sold to the buyer.
fn is_bought(state: &State, buyer: &BuyerId, seat: SeatIndex) -> bool {
    match state.seat_claim(seat) {
        Some(SeatClaim::Order(order)) => state.order(order).is_some_and(|order| order.buyer == buyer),
        _ => false,
    }
}
