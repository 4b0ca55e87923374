//! Small typed numbers, so that a seat is never taken for a buyer nor a hold for an order.

use std::time::Duration;

use serde::Serialize;

/// A buyer of this run: 0 up to the number of buyers. The name on the wire is made by [`crate::command::Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Buyer(pub u32);

/// A seat: its dense index within the performance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Seat(pub u32);

/// The number that the server gave to a hold or an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct HoldId(pub u64);

/// The number that the server gave to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct OrderId(pub u64);

/// The serial number of a mutation within this run; its `request_id` is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Serial(pub u64);

/// A moment of this process, in nanoseconds since the run began, on a clock that never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// A moment that never comes.
    pub const NEVER: Moment = Moment(u64::MAX);

    /// The moment `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The moment `duration` earlier, or the beginning.
    #[must_use]
    pub fn before(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The last whole multiple of `tick` until this moment; the moment itself when `tick` is zero.
    #[must_use]
    pub fn floor(self, tick: Duration) -> Moment {
        let tick = u64::try_from(tick.as_nanos()).unwrap_or(u64::MAX);
        Moment(if tick == 0 { self.0 } else { self.0 - self.0 % tick })
    }

    /// The first whole multiple of `tick` from this moment on; the moment itself when `tick` is zero.
    #[must_use]
    pub fn ceil(self, tick: Duration) -> Moment {
        let floor = self.floor(tick);
        if floor == self { self } else { floor.after(tick) }
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Up to [`Seats::MAX`] seats, without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Seats {
    seats: [u32; Seats::MAX],
    count: u8,
}

impl Seats {
    /// The most seats in one hold of this generator.
    pub const MAX: usize = 4;

    /// `count` seats side by side from `first` on, moved left where they would leave a house of `capacity`.
    pub fn run(first: Seat, count: usize, capacity: u32) -> Seats {
        let count = count.clamp(1, Seats::MAX).min(capacity.max(1) as usize);
        let first = first.0.min(capacity.saturating_sub(count as u32));
        let mut seats = [0; Seats::MAX];
        for (offset, seat) in seats.iter_mut().take(count).enumerate() {
            *seat = first + offset as u32;
        }
        Seats { seats, count: count as u8 }
    }

    /// The first [`Seats::MAX`] of `seats`.
    pub fn of(seats: &[u32]) -> Seats {
        let count = seats.len().min(Seats::MAX);
        let mut copy = [0; Seats::MAX];
        copy[..count].copy_from_slice(&seats[..count]);
        Seats { seats: copy, count: count as u8 }
    }

    /// The seats.
    pub fn as_slice(&self) -> &[u32] {
        &self.seats[..usize::from(self.count)]
    }

    /// The seats, typed.
    pub fn iter(&self) -> impl Iterator<Item = Seat> + '_ {
        self.as_slice().iter().map(|&seat| Seat(seat))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_seats_stays_in_the_house() {
        assert_eq!(Seats::run(Seat(3), 3, 10).as_slice(), &[3, 4, 5]);
        assert_eq!(Seats::run(Seat(9), 4, 10).as_slice(), &[6, 7, 8, 9]);
        assert_eq!(Seats::run(Seat(0), 4, 2).as_slice(), &[0, 1]);
    }

    #[test]
    fn moments_do_not_wrap() {
        assert_eq!(Moment(5).before(Duration::from_secs(1)), Moment(0));
        assert_eq!(Moment::NEVER.after(Duration::from_secs(1)), Moment::NEVER);
        assert_eq!(Moment(3).since(Moment(8)), Duration::ZERO);
    }

    #[test]
    fn moments_keep_to_ticks() {
        let tick = Duration::from_nanos(10);
        assert_eq!((Moment(19).floor(tick), Moment(19).ceil(tick)), (Moment(10), Moment(20)));
        assert_eq!((Moment(20).floor(tick), Moment(20).ceil(tick)), (Moment(20), Moment(20)));
        assert_eq!((Moment(7).floor(Duration::ZERO), Moment(7).ceil(Duration::ZERO)), (Moment(7), Moment(7)));
    }
}
