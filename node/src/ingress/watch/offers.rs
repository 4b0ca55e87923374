//! `WatchOffers`.

use std::sync::Arc;

use earlybird_engine::{BuyerId, HoldId, SeatIndex, Timestamp};
use earlybird_persistence::PerformanceId;
use earlybird_proto::v1::waitlist_client::WaitlistClient;
use earlybird_proto::v1::{self, watch_offers_response::News};
use futures::stream::BoxStream;
use hashbrown::HashMap;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::{Watch, Watcher};
use crate::clock::Clock;
use crate::ingress::catalog::time::timestamp;
use crate::ingress::meters::StreamKind;
use crate::ingress::origin::Origin;
use crate::ingress::status::Problem;
use crate::ingress::{Ingress, answer, names};
use crate::shard::{OfferNews, OfferWatch, Shard};

/// Offers that one watch keeps in mind. Of more than these, those with the earliest deadlines are forgotten: most were paid.
const KNOWN_OFFERS_MAX: usize = 1_000;

/// Offers that a client was told, by hold: seat and deadline of each.
#[derive(Default)]
pub(in crate::ingress) struct KnownOffers(HashMap<HoldId, (SeatIndex, Timestamp)>);

impl KnownOffers {
    /// The offers that a client says it was told of a performance, by its `{performance}`. `seats`: how many there are.
    pub(in crate::ingress) fn parse(
        offers: &[v1::Offer],
        performance: &str,
        seats: usize,
    ) -> Result<Self, Problem> {
        if offers.len() > KNOWN_OFFERS_MAX {
            let what = format!("{} are too many: at most {KNOWN_OFFERS_MAX}", offers.len());
            return Err(Problem::field("known_offers", what));
        }
        let known = offers.iter().enumerate().map(|(place, offer)| {
            let offer = known_offer(offer, performance, seats);
            offer.map_err(|problem| problem.within(format_args!("known_offers[{place}]")))
        });
        known.collect::<Result<_, _>>().map(Self)
    }

    /// Returns whether the client had not been told it yet.
    fn add(&mut self, hold: HoldId, seat: SeatIndex, deadline: Timestamp) -> bool {
        let is_new = self.0.insert(hold, (seat, deadline)).is_none();
        if self.0.len() > KNOWN_OFFERS_MAX {
            let earliest = self.0.iter().min_by_key(|(_, (_, deadline))| *deadline).map(|(&hold, _)| hold);
            earliest.map(|hold| self.0.remove(&hold));
        }
        is_new
    }

    fn wire(&self, performance: &str) -> Vec<v1::Offer> {
        let offer = |(&hold, &(seat, deadline)): (&HoldId, &(SeatIndex, Timestamp))| v1::Offer {
            hold: names::of_hold(performance, hold),
            seat: seat.0,
            expire_time: Some(answer::time(deadline)),
            ..v1::Offer::default()
        };
        self.0.iter().map(offer).collect()
    }
}

fn known_offer(
    offer: &v1::Offer,
    performance: &str,
    seats: usize,
) -> Result<(HoldId, (SeatIndex, Timestamp)), Problem> {
    let (of, hold) = names::hold("hold", &offer.hold)?;
    if of != performance {
        return Err(Problem::field("hold", "must be of the performance that is watched"));
    }
    let seat = SeatIndex(offer.seat);
    if seat.as_usize() >= seats {
        return Err(Problem::field("seat", format!("there is no seat {seat}: the performance has {seats}")));
    }
    let deadline = offer.expire_time.as_ref().ok_or_else(|| Problem::field("expire_time", "required"))?;
    let deadline = timestamp(deadline).map_err(|what| Problem::field("expire_time", what))?;
    Ok((hold, (seat, deadline)))
}

struct OffersNews {
    clock: Arc<Clock>,
    /// Its whole name.
    performance: String,
    buyer: BuyerId,
    /// What the client knows, so that going on tells nothing twice and misses no end.
    known: KnownOffers,
}

impl Ingress {
    /// Watches the offers that `buyer` gets in a performance and does not know of.
    pub(in crate::ingress) async fn watch_offers(
        ingress: &Arc<Self>,
        performance: &PerformanceId,
        origin: Origin,
        buyer: BuyerId,
        known: KnownOffers,
    ) -> Result<BoxStream<'static, Result<v1::WatchOffersResponse, Status>>, Status> {
        let news = OffersNews {
            clock: Arc::clone(&ingress.node.clock),
            performance: format!("performances/{performance}"),
            buyer,
            known,
        };
        let live = ingress.meters.stream(StreamKind::WatchOffers);
        Watcher::begin(ingress, performance, origin, news, live).await
    }
}

impl Watch for OffersNews {
    type News = v1::WatchOffersResponse;
    type Feed = OfferWatch;

    fn at_shard(&mut self, shard: &Arc<Shard>) -> OfferWatch {
        let known = self.known.0.iter().map(|(&hold, &(seat, _))| (hold, seat));
        shard.watch_offers(&self.buyer, known)
    }

    async fn next(&mut self, feed: &mut OfferWatch) -> Option<v1::WatchOffersResponse> {
        loop {
            let news = feed.next().await?;
            if let Some(news) = self.tell(news) {
                return Some(v1::WatchOffersResponse { news: Some(news) });
            }
        }
    }

    async fn at_node(
        &mut self,
        channel: Channel,
        shown: MetadataMap,
    ) -> Result<Streaming<v1::WatchOffersResponse>, Status> {
        let mut request = Request::new(v1::WatchOffersRequest {
            performance: self.performance.clone(),
            buyer_id: self.buyer.0.to_string(),
            known_offers: self.known.wire(&self.performance),
        });
        *request.metadata_mut() = shown;
        Ok(WaitlistClient::new(channel).watch_offers(request).await?.into_inner())
    }

    fn note(&mut self, news: &v1::WatchOffersResponse) -> bool {
        match &news.news {
            Some(News::Offer(offer)) => {
                let hold = names::hold("hold", &offer.hold);
                let deadline = offer.expire_time.as_ref().and_then(|time| timestamp(time).ok());
                match (hold, deadline) {
                    (Ok((_, hold)), Some(deadline)) => self.known.add(hold, SeatIndex(offer.seat), deadline),
                    _ => true,
                }
            }
            Some(News::Lapsed(lapsed)) => {
                if let Ok((_, hold)) = names::hold("hold", &lapsed.hold) {
                    self.known.0.remove(&hold);
                }
                true
            }
            // A later release may tell more than this one understands.
            None => true,
        }
    }
}

impl OffersNews {
    /// The message of a piece of news; none when the client has it already.
    fn tell(&mut self, news: OfferNews) -> Option<News> {
        match news {
            OfferNews::Offered { hold, seat, deadline } => {
                let now = self.clock.now();
                self.known.add(hold, seat, deadline).then(|| {
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
                self.known.0.remove(&hold);
                let hold = names::of_hold(&self.performance, hold);
                Some(News::Lapsed(v1::OfferLapsed { hold, seat: seat.0 }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(hold: &str, seat: u32, seconds: Option<i64>) -> v1::Offer {
        let expire_time = seconds.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 });
        v1::Offer { hold: hold.into(), seat, expire_time, ..v1::Offer::default() }
    }

    #[test]
    fn known_offers_are_checked_field_by_field() {
        let good = || offer("performances/p/holds/7", 9, Some(1));
        let known = KnownOffers::parse(&[good(), good()], "p", 10).expect("they are fit");
        assert_eq!(known.0[&HoldId(7)], (SeatIndex(9), Timestamp(1_000)));
        for (field, bad) in [
            ("hold", offer("", 9, Some(1))),
            ("hold", offer("performances/p/orders/7", 9, Some(1))),
            ("hold", offer("performances/q/holds/7", 9, Some(1))),
            ("seat", offer("performances/p/holds/7", 10, Some(1))),
            ("expire_time", offer("performances/p/holds/7", 9, None)),
            ("expire_time", offer("performances/p/holds/7", 9, Some(-1))),
        ] {
            let problem = KnownOffers::parse(&[good(), bad], "p", 10).err().expect("it is not fit");
            assert!(
                problem.message.starts_with(&format!("known_offers[1].{field}: ")),
                "{}",
                problem.message
            );
        }
        let many = vec![good(); KNOWN_OFFERS_MAX + 1];
        let problem = KnownOffers::parse(&many, "p", 10).err().expect("they are too many");
        assert!(problem.message.starts_with("known_offers: "), "{}", problem.message);
    }

    #[test]
    fn the_oldest_of_too_many_offers_is_forgotten() {
        let mut known = KnownOffers::default();
        for number in 0..=KNOWN_OFFERS_MAX as u64 {
            assert!(known.add(HoldId(number), SeatIndex(1), Timestamp(number)));
        }
        assert_eq!(known.0.len(), KNOWN_OFFERS_MAX);
        assert!(!known.0.contains_key(&HoldId(0)));
    }
}
