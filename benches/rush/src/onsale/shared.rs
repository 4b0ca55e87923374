//! What the lanes of an on-sale share.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use tokio::sync::mpsc;

use crate::answer::HoldAck;
use crate::clock::Clock;
use crate::command::Names;
use crate::ids::{Buyer, Moment, Seat};
use crate::onsale::house::Facts;
use crate::onsale::options::Options;
use crate::onsale::view::View;
use crate::pacing::Curve;

/// What the lanes share; flags are set by the director alone.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) facts: Facts,
    pub(crate) names: Names,
    pub(crate) curve: Curve,
    pub(crate) clock: Clock,
    pub(crate) view: View,
    pub(crate) buyers: u32,
    /// Buyers below this are members.
    pub(crate) members: u32,
    /// When the curve begins.
    pub(crate) opening: Moment,
    /// Until when only members may buy.
    pub(crate) presale_end: Moment,
    /// No more tries: the user asked to stop.
    pub(crate) stop: AtomicBool,
    /// Whatever is held now is paid.
    pub(crate) settling: AtomicBool,
    /// Answer what is in flight, then end.
    pub(crate) finish: AtomicBool,
    /// Lanes that have sent all their tries.
    pub(crate) lanes_done: AtomicUsize,
    /// News for the desk.
    pub(crate) desk: mpsc::Sender<News>,
}

/// What the desk tells a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// A buyer of the lane was offered a seat. `sent` is from when on the offer's remaining time counts at the latest.
    Offer { buyer: Buyer, ack: HoldAck, sent: Moment },
    /// Sell so many more seats.
    Sell(u32),
}

/// What a lane tells the desk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News {
    /// Somebody queues for a seat.
    Joined(Seat, Buyer),
    /// Somebody left.
    Left(Seat, Buyer),
    /// A seat was freed, as far as the lane knows.
    Freed(Seat),
    /// Somebody wants to look at the map; since when.
    Look(Moment),
}

/// A member is a buyer with a low number, so that each lane has its share of them.
pub(crate) fn lane_of(buyer: Buyer, lanes: usize) -> usize {
    buyer.0 as usize % lanes
}
