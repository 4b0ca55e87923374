//! The performances that a session talks to.
//!
//! ```text
//!  Closed ──command──► Opening (commands wait, in order) ──loaded──► Open (commands are batched, then submitted)
//!    ▲                  ▲ └──cannot be loaded: all that wait are told──► Closed        └─► There (sent to the owner)
//!    │                  └── the owner has changed: what it refused goes back in line, in its place ◄──┤
//!    └──────────────────────────────── the shard was closed ◄──────────────────────────────────────────┘
//! ```
//!
//! Invariant: commands of one performance are decided in the order in which they came, but for payments and what gives
//! seats back. So what waits goes on only when what went before it, to wherever it was then, has been decided.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use earlybird_engine::Command;
use hashbrown::HashMap;

use crate::ingress::meters::Kind;
use crate::ingress::wish::Wish;
use crate::ingress::{Elsewhere, Place};
use crate::shard::{Job, Shard};

/// Performances that are kept at hand while no command of theirs is in flight.
const ROUTES_IDLE_MAX: usize = 64;

/// A route of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RouteIndex(usize);

/// A command that waits for its performance to be loaded, or for its owner to be known.
pub(super) struct Waiting {
    pub(super) slot: u32,
    /// Its place among all commands of the session.
    pub(super) number: u64,
    /// None if it has not been checked: it may go on to another node, as it came.
    pub(super) wish: Option<Wish>,
    pub(super) expires_at: Instant,
}

/// How a performance is reached.
pub(super) enum Way {
    /// Not at all now.
    Closed,
    /// It is being loaded, or its owner is looked for.
    Opening(Opening),
    /// By the shard of the route.
    Open,
    /// By another node.
    There(Elsewhere),
}

/// What waits for a way.
#[derive(Default)]
pub(super) struct Opening {
    /// By their places among all commands.
    waiting: BTreeMap<u64, Waiting>,
    /// Where they go, once it is known, as soon as what went before them has been decided.
    place: Option<Place>,
    /// The other node that was the way before, with which commands still are.
    before: Option<Arc<str>>,
}

impl Opening {
    /// Puts a command in line: at its end, or in its place if it was sent before and was refused.
    pub(super) fn push(&mut self, command: Waiting) {
        self.waiting.insert(command.number, command);
    }

    /// Takes a command out of line by its place among all commands: it was answered.
    pub(super) fn remove(&mut self, number: u64) {
        self.waiting.remove(&number);
    }
}

/// One performance.
pub(super) struct Route {
    id: Box<str>,
    pub(super) way: Way,
    /// Its shard, or the one that it last had: replies of that one may still come.
    pub(super) shard: Option<Arc<Shard>>,
    /// Commands of the batch being read.
    pub(super) batch: Vec<Resolved>,
    /// What of a batch goes to the shard; empty between batches, kept for its room.
    pub(super) jobs: Vec<Job>,
    /// Commands without a reply.
    in_flight: usize,
    /// Those of them that may give seats back.
    returns_in_flight: usize,
    /// Those of them that are with a shard or with another node, and must be decided before what comes after them.
    undecided: usize,
}

/// A command ready for its shard.
pub(super) struct Resolved {
    pub(super) slot: u32,
    pub(super) command: Command,
    pub(super) expires_at: Instant,
}

/// The performances by id.
#[derive(Default)]
pub(super) struct Routes {
    routes: Vec<Option<Route>>,
    by_id: HashMap<Box<str>, RouteIndex>,
    /// The one that the last command named: nearly always also the next one's.
    last: RouteIndex,
    vacant: Vec<RouteIndex>,
}

impl Routes {
    /// The route of a performance, made if there is none.
    pub(super) fn of(&mut self, id: &str) -> RouteIndex {
        if self.get(self.last).is_some_and(|route| &*route.id == id) {
            return self.last;
        }
        self.last = match self.by_id.get(id) {
            Some(&known) => known,
            None => self.insert(id),
        };
        self.last
    }

    fn insert(&mut self, id: &str) -> RouteIndex {
        if self.by_id.len() >= ROUTES_IDLE_MAX {
            self.forget_idle();
        }
        let route = Route {
            id: id.into(),
            way: Way::Closed,
            shard: None,
            batch: Vec::new(),
            jobs: Vec::new(),
            in_flight: 0,
            returns_in_flight: 0,
            undecided: 0,
        };
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.routes.push(None);
            RouteIndex(self.routes.len() - 1)
        });
        self.by_id.insert(route.id.clone(), index);
        self.routes[index.0] = Some(route);
        index
    }

    /// Those with commands in flight stay: replies name them. So there are never more than commands and idle ones.
    fn forget_idle(&mut self) {
        for (index, place) in self.routes.iter_mut().enumerate() {
            if let Some(route) = place.take_if(|route| route.in_flight == 0 && route.batch.is_empty()) {
                self.by_id.remove(&route.id);
                self.vacant.push(RouteIndex(index));
            }
        }
    }

    pub(super) fn get(&self, index: RouteIndex) -> Option<&Route> {
        self.routes.get(index.0)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: RouteIndex) -> Option<&mut Route> {
        self.routes.get_mut(index.0)?.as_mut()
    }

    /// Notes that a command of the route has no reply yet.
    pub(super) fn sent(&mut self, index: RouteIndex, kind: Kind) {
        if let Some(route) = self.get_mut(index) {
            route.in_flight += 1;
            route.returns_in_flight += usize::from(gives_back(kind));
        }
    }

    /// Notes that a command of the route was answered.
    pub(super) fn answered(&mut self, index: RouteIndex, kind: Kind) {
        if let Some(route) = self.get_mut(index) {
            route.in_flight = route.in_flight.saturating_sub(1);
            route.returns_in_flight = route.returns_in_flight.saturating_sub(usize::from(gives_back(kind)));
        }
    }
}

/// Whether a command may be overtaken, or overtake. It may be settled long after it was decided.
pub(super) fn is_settled_later(kind: Kind) -> bool {
    matches!(kind, Kind::PayHold | Kind::RefundOrder)
}

/// Whether a command may make room for a hold that is sent after it.
fn gives_back(kind: Kind) -> bool {
    matches!(kind, Kind::ReleaseHold | Kind::RefundOrder)
}

impl Route {
    /// The `{performance}`.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Notes that a command has gone to where the route leads.
    pub(super) fn went(&mut self, kind: Kind) {
        self.undecided += usize::from(!is_settled_later(kind));
    }

    /// Notes that a command that had gone was decided, or came back.
    pub(super) fn came_back(&mut self, kind: Kind) {
        self.undecided = self.undecided.saturating_sub(usize::from(!is_settled_later(kind)));
    }

    /// Whether nothing is to be decided before what comes next.
    pub(super) fn is_clear(&self) -> bool {
        self.undecided == 0
    }

    /// Looks for the way anew.
    pub(super) fn reopen(&mut self) {
        let before = match &self.way {
            Way::There(there) => Some(Arc::clone(&there.address)),
            Way::Closed | Way::Open | Way::Opening(_) => None,
        };
        self.way = Way::Opening(Opening { before, ..Opening::default() });
    }

    /// Where commands go from here on, with all that waited; none while something else is to be decided first.
    pub(super) fn found(&mut self, place: Place) -> Option<(Place, Vec<Waiting>)> {
        let is_clear = self.is_clear();
        let Way::Opening(opening) = &mut self.way else { return None };
        // What goes the same way as before comes after it anyway.
        let is_as_before = match &place {
            Place::There(there) => opening.before.as_ref() == Some(&there.address),
            Place::Here(_) => false,
        };
        if !is_clear && !is_as_before {
            opening.place = Some(place);
            return None;
        }
        let waiting = std::mem::take(&mut opening.waiting).into_values().collect();
        self.way = Way::Closed;
        Some((place, waiting))
    }

    /// The same, if it was found before and nothing is to be decided first any more.
    pub(super) fn found_before(&mut self) -> Option<(Place, Vec<Waiting>)> {
        let Way::Opening(opening) = &mut self.way else { return None };
        let place = opening.place.take()?;
        self.found(place)
    }

    /// All that waited, for a way that cannot be found.
    pub(super) fn not_found(&mut self) -> Vec<Waiting> {
        match std::mem::replace(&mut self.way, Way::Closed) {
            Way::Opening(opening) => opening.waiting.into_values().collect(),
            Way::Closed | Way::Open | Way::There(_) => Vec::new(),
        }
    }

    /// Sends commands to `shard` from here on.
    pub(super) fn open(&mut self, shard: Arc<Shard>) {
        self.shard = Some(shard);
        self.way = Way::Open;
    }

    /// Whether no command in flight can make room for a hold, so that one which is turned down now would be turned down
    /// in its turn as well.
    pub(super) fn may_look_ahead(&self) -> bool {
        self.returns_in_flight == 0
    }

    /// Whether the shard was closed since it was found.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self.way, Way::Open) && self.shard.as_ref().is_none_or(|shard| !shard.is_open())
    }
}

#[cfg(test)]
mod tests {
    use earlybird_persistence::ViewVersion;

    use super::*;

    #[test]
    fn routes_in_use_are_kept_and_idle_ones_are_bounded() {
        let mut routes = Routes::default();
        let busy = routes.of("busy");
        routes.sent(busy, Kind::HoldSeats);
        for number in 0..10 * ROUTES_IDLE_MAX {
            let id = format!("p{number}");
            let index = routes.of(&id);
            assert_eq!(routes.get(index).map(Route::id), Some(id.as_str()));
            assert_eq!(routes.of(&id), index);
        }
        assert!(routes.routes.len() <= ROUTES_IDLE_MAX + 1);
        assert_eq!(routes.of("busy"), busy);
        routes.answered(busy, Kind::HoldSeats);
        routes.forget_idle();
        assert!(routes.by_id.is_empty());
    }

    fn there(address: &str) -> Place {
        Place::There(Elsewhere { address: address.into(), version: ViewVersion::default() })
    }

    fn waiting(number: u64) -> Waiting {
        Waiting { slot: number as u32, number, wish: None, expires_at: Instant::now() }
    }

    fn numbers(found: Option<(Place, Vec<Waiting>)>) -> Option<Vec<u64>> {
        found.map(|(_, waiting)| waiting.iter().map(|command| command.number).collect())
    }

    #[test]
    fn what_was_refused_goes_on_in_its_place_and_after_what_went_before() {
        let mut routes = Routes::default();
        let index = routes.of("p");
        let route = routes.get_mut(index).expect("a route");
        // 1, 2 and 3 are with a node. It refuses 1; 4 has come meanwhile.
        (0..3).for_each(|_| route.went(Kind::HoldSeats));
        route.reopen();
        let Way::Opening(opening) = &mut route.way else { panic!("it looks for the way") };
        opening.push(waiting(4));
        opening.push(waiting(1));
        route.came_back(Kind::HoldSeats);
        assert_eq!(numbers(route.found(there("b"))), None, "2 and 3 are to come back first");
        route.came_back(Kind::HoldSeats);
        let Way::Opening(opening) = &mut route.way else { panic!("it still waits") };
        opening.push(waiting(2));
        assert_eq!(numbers(route.found_before()), None);
        // 3 was decided before the owner changed.
        route.came_back(Kind::HoldSeats);
        assert_eq!(numbers(route.found_before()), Some(vec![1, 2, 4]));
        assert_eq!(numbers(route.found_before()), None, "once");
    }

    #[test]
    fn the_same_way_as_before_needs_no_waiting() {
        let mut routes = Routes::default();
        let index = routes.of("p");
        let route = routes.get_mut(index).expect("a route");
        route.way = Way::There(Elsewhere { address: "a".into(), version: ViewVersion::default() });
        route.went(Kind::HoldSeats);
        // What is settled later is waited for by nothing.
        route.went(Kind::PayHold);
        route.reopen();
        assert_eq!(numbers(route.found(there("a"))), Some(vec![]));
        route.way = Way::There(Elsewhere { address: "a".into(), version: ViewVersion::default() });
        route.reopen();
        assert_eq!(numbers(route.found(there("b"))), None);
        route.came_back(Kind::HoldSeats);
        assert_eq!(numbers(route.found_before()), Some(vec![]));
    }

    #[test]
    fn nothing_is_decided_ahead_of_a_release() {
        let mut routes = Routes::default();
        let route = routes.of("p");
        routes.sent(route, Kind::ReleaseHold);
        routes.sent(route, Kind::HoldSeats);
        let may = |routes: &Routes| routes.get(route).is_some_and(Route::may_look_ahead);
        assert!(!may(&routes));
        routes.answered(route, Kind::HoldSeats);
        assert!(!may(&routes));
        routes.answered(route, Kind::ReleaseHold);
        assert!(may(&routes));
    }
}
