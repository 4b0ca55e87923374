//! The desk: reads that no lane should wait for. Looks at the seat map, and asks for waiters whether they were offered a seat.
//!
//! The first waiters are watched over a stream of their own. The others are asked about when a seat that they queue for was
//! freed, nearest to the head first, so that the number of reads is bounded by what happens and not by how many wait.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use earlybird_proto::v1::watch_offers_response::News as OfferNews;
use earlybird_proto::v1::{GetSeatMapRequest, ListHoldsRequest, Offer, WatchOffersRequest};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::answer::{HoldAck, Reason, hold_ack};
use crate::command::{Kind, trailing_number};
use crate::connect::{Wire, seating, waitlist};
use crate::ids::{Buyer, HoldId, Moment, Seat, Seats};
use crate::limits::{
    OFFER_STREAMS_MAX, READS_IN_FLIGHT_MAX, READS_PER_SECOND_MAX, WAITERS_ASKED_PER_FREED_SEAT,
};
use crate::onsale::shared::{Input, News, Shared, lane_of};
use crate::stats::{Outcome, Stats};
use crate::unary::timed;

/// How often the desk begins reads.
const READ_TICK: Duration = Duration::from_millis(10);
/// Until a waiter of a freed seat is asked about: an offer is made at once, but a hold lapses a little late.
const ASK_DELAY: Duration = Duration::from_millis(30);
/// Until the next waiter of the seat is asked about.
const ASK_AGAIN_DELAY: Duration = Duration::from_millis(150);
/// Longest that one read may take.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Desk {
    shared: Arc<Shared>,
    wire: Wire,
    inbox: mpsc::Receiver<News>,
    lanes: Vec<mpsc::Sender<Input>>,
    stats: Arc<Mutex<Stats>>,
    waiters: HashMap<Seat, VecDeque<Buyer>>,
    watched: HashSet<Buyer>,
    streams: JoinSet<()>,
    looks: VecDeque<Moment>,
    to_ask: BinaryHeap<Reverse<(Moment, Seat, usize)>>,
    asking: HashSet<Seat>,
    reads: FuturesUnordered<BoxFuture<'static, Read>>,
}

/// A read that ended.
enum Read {
    Looked { since: Moment, ok: bool },
    Asked { seat: Seat, turn: usize, buyer: Buyer, sent: Moment, offers: Option<Vec<HoldAck>> },
}

impl Desk {
    pub(super) fn new(
        shared: Arc<Shared>,
        wire: Wire,
        inbox: mpsc::Receiver<News>,
        lanes: Vec<mpsc::Sender<Input>>,
        stats: Arc<Mutex<Stats>>,
    ) -> Desk {
        Desk {
            shared,
            wire,
            inbox,
            lanes,
            stats,
            waiters: HashMap::new(),
            watched: HashSet::new(),
            streams: JoinSet::new(),
            looks: VecDeque::new(),
            to_ask: BinaryHeap::new(),
            asking: HashSet::new(),
            reads: FuturesUnordered::new(),
        }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut tick = tokio::time::interval(READ_TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                Some(news) = self.inbox.recv() => self.take(news),
                Some(read) = self.reads.next(), if !self.reads.is_empty() => self.finish(read),
                _ = tick.tick() => self.begin_reads(),
            }
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Joined(seat, buyer) => {
                self.waiters.entry(seat).or_default().push_back(buyer);
                if self.watched.len() < OFFER_STREAMS_MAX && self.watched.insert(buyer) {
                    let lane = self.lanes[lane_of(buyer, self.lanes.len())].clone();
                    self.streams.spawn(watch(Arc::clone(&self.shared), self.wire.clone(), buyer, lane));
                }
            }
            News::Left(seat, buyer) => self.forget(seat, buyer),
            News::Freed(seat) => {
                if self.waiters.get(&seat).is_some_and(|queue| !queue.is_empty()) && self.asking.insert(seat)
                {
                    self.to_ask.push(Reverse((self.shared.clock.now().after(ASK_DELAY), seat, 0)));
                }
            }
            News::Look(since) => self.looks.push_back(since),
        }
    }

    fn forget(&mut self, seat: Seat, buyer: Buyer) {
        if let Some(queue) = self.waiters.get_mut(&seat) {
            queue.retain(|waiter| *waiter != buyer);
        }
    }

    fn begin_reads(&mut self) {
        let per_tick = (READS_PER_SECOND_MAX * READ_TICK.as_millis() as u64).div_ceil(1_000);
        let now = self.shared.clock.now();
        for _ in 0..per_tick {
            if self.reads.len() >= READS_IN_FLIGHT_MAX {
                return;
            }
            if let Some(since) = self.looks.pop_front() {
                self.reads.push(Box::pin(look(
                    self.wire.clone(),
                    self.shared.names.performance().to_owned(),
                    since,
                )));
            }
            if self.to_ask.peek().is_some_and(|Reverse((at, _, _))| *at <= now)
                && let Some(Reverse((_, seat, turn))) = self.to_ask.pop()
            {
                self.ask(seat, turn, now);
            }
        }
    }

    fn ask(&mut self, seat: Seat, turn: usize, now: Moment) {
        let queue = self.waiters.get(&seat).filter(|queue| !queue.is_empty());
        let Some(queue) = queue.filter(|_| turn < 2 * WAITERS_ASKED_PER_FREED_SEAT) else {
            self.asking.remove(&seat);
            return;
        };
        let buyer = queue[turn % queue.len().min(WAITERS_ASKED_PER_FREED_SEAT)];
        let request = ListHoldsRequest {
            parent: self.shared.names.performance().to_owned(),
            buyer_id: self.shared.names.buyer(buyer),
        };
        let wire = self.wire.clone();
        self.reads.push(Box::pin(async move {
            let reply = seating(&wire).list_holds(timed(request, READ_TIMEOUT)).await;
            let offers = reply.map(|reply| {
                reply.get_ref().holds.iter().filter(|hold| hold.offer).filter_map(hold_ack).collect()
            });
            Read::Asked { seat, turn, buyer, sent: now, offers: offers.ok() }
        }));
    }

    fn finish(&mut self, read: Read) {
        let now = self.shared.clock.now();
        let (kind, since, ok) = match &read {
            Read::Looked { since, ok } => (Kind::SeatMap, *since, *ok),
            Read::Asked { sent, offers, .. } => (Kind::ListHolds, *sent, offers.is_some()),
        };
        let mut stats = self.stats.lock();
        stats.sent += 1;
        stats.ended(kind, if ok { Outcome::Ok } else { Outcome::Error }, now.since(since));
        if !ok {
            stats.reason(kind, Reason::Disconnected);
        }
        drop(stats);
        if let Read::Asked { seat, turn, buyer, sent, offers } = read {
            self.answered(seat, turn, buyer, sent, &offers.unwrap_or_default());
        }
    }

    fn answered(&mut self, seat: Seat, turn: usize, buyer: Buyer, sent: Moment, offers: &[HoldAck]) {
        let mut found = false;
        for ack in offers {
            found |= ack.seats.iter().any(|offered| offered == seat);
            for offered in ack.seats.iter() {
                self.forget(offered, buyer);
            }
            let lane = &self.lanes[lane_of(buyer, self.lanes.len())];
            // A full lane is told at the next asking, or the offer lapses, as it would for a buyer who is not looking.
            let _ = lane.try_send(Input::Offer { buyer, ack: *ack, sent });
        }
        if found {
            self.asking.remove(&seat);
        } else {
            self.to_ask.push(Reverse((self.shared.clock.now().after(ASK_AGAIN_DELAY), seat, turn + 1)));
        }
    }
}

async fn look(wire: Wire, performance: String, since: Moment) -> Read {
    let reply = seating(&wire).get_seat_map(timed(GetSeatMapRequest { performance }, READ_TIMEOUT)).await;
    Read::Looked { since, ok: reply.is_ok() }
}

/// Watches the offers of one waiter for ever.
async fn watch(shared: Arc<Shared>, wire: Wire, buyer: Buyer, lane: mpsc::Sender<Input>) {
    let request = WatchOffersRequest {
        performance: shared.names.performance().to_owned(),
        buyer_id: shared.names.buyer(buyer),
        known_offers: Vec::new(),
    };
    loop {
        if let Ok(stream) = waitlist(&wire).watch_offers(request.clone()).await {
            let mut stream = stream.into_inner();
            while let Ok(Some(message)) = stream.message().await {
                let Some(OfferNews::Offer(offer)) = message.news else { continue };
                let Some(ack) = offer_ack(&shared, &offer) else { continue };
                // How long the message was under way is not known, so its remaining time proves nothing to the check.
                let input = Input::Offer { buyer, ack, sent: Moment::default() };
                if lane.send(input).await.is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn offer_ack(shared: &Shared, offer: &Offer) -> Option<HoldAck> {
    let expire = offer.expire_time.unwrap_or_default();
    Some(HoldAck {
        hold: HoldId(trailing_number(&offer.hold)?),
        seats: Seats::of(&[offer.seat]),
        seat_count: 1,
        amount_minor: shared.facts.prices.get(offer.seat as usize).copied()?,
        remaining: Duration::try_from(offer.remaining.unwrap_or_default()).unwrap_or_default(),
        expire_unix_ms: expire.seconds * 1_000 + i64::from(expire.nanos) / 1_000_000,
    })
}
