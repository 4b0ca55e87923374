//! The performances that a session talks to.
//!
//! ```text
//!  Closed ──command──► Opening (commands wait, in order) ──loaded──► Open (commands are batched, then submitted)
//!    ▲                    └──cannot be loaded: all that wait are told──► Closed         │
//!    └──────────────────────────────── the shard was closed ◄──────────────────────────┘
//! ```

use std::sync::Arc;
use std::time::Instant;

use earlybird_engine::Command;
use earlybird_proto::v1;
use hashbrown::HashMap;

use crate::ingress::Elsewhere;
use crate::ingress::meters::Kind;
use crate::ingress::wish::Wish;
use crate::shard::{Job, Shard};

/// Performances that are kept at hand while no command of theirs is in flight.
const ROUTES_IDLE_MAX: usize = 64;

/// A route of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RouteIndex(usize);

/// A command that waits for its performance to be loaded, or for its owner to be known.
pub(super) struct Waiting {
    pub(super) slot: u32,
    pub(super) wished: Wished,
    pub(super) expires_at: Instant,
}

/// A command, checked or as it came.
pub(super) enum Wished {
    /// The performance is here.
    Checked(Wish),
    /// It may go on to another node. Its tag is its slot.
    Raw(Arc<v1::SessionRequest>),
}

/// How a performance is reached.
pub(super) enum Way {
    /// Not at all now.
    Closed,
    /// It is being loaded.
    Opening(Vec<Waiting>),
    /// By the shard of the route.
    Open,
    /// By another node.
    There(Elsewhere),
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

/// Whether a command may make room for a hold that is sent after it.
fn gives_back(kind: Kind) -> bool {
    matches!(kind, Kind::ReleaseHold | Kind::RefundOrder)
}

impl Route {
    /// The `{performance}`.
    pub(super) fn id(&self) -> &str {
        &self.id
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
