//! The performances that a session talks to.
//!
//! ```text
//!  Closed ──command──► Opening (commands wait, in order) ──loaded──► Open (commands are batched, then submitted)
//!    ▲                    └──cannot be loaded: all that wait are told──► Closed         │
//!    └──────────────────────────────── the shard was closed ◄──────────────────────────┘
//! ```

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;

use crate::ingress::wish::Wish;
use crate::shard::{Job, Shard};

/// Performances that are kept at hand while no command of theirs is in flight.
const ROUTES_IDLE_MAX: usize = 64;

/// A route of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RouteIndex(usize);

/// A command that waits for its performance to be loaded.
pub(super) struct Waiting {
    pub(super) slot: u32,
    pub(super) wish: Wish,
    pub(super) expires_at: Instant,
}

/// How a performance is reached.
pub(super) enum Way {
    /// Not at all now.
    Closed,
    /// It is being loaded.
    Opening(Vec<Waiting>),
    /// By the shard of the route.
    Open,
}

/// One performance.
pub(super) struct Route {
    id: Box<str>,
    pub(super) way: Way,
    /// Its shard, or the one that it last had: replies of that one may still come.
    pub(super) shard: Option<Arc<Shard>>,
    /// Commands of the batch being read.
    pub(super) jobs: Vec<Job>,
    /// Commands without a reply.
    in_flight: usize,
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
        let route = Route { id: id.into(), way: Way::Closed, shard: None, jobs: Vec::new(), in_flight: 0 };
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
            if let Some(route) = place.take_if(|route| route.in_flight == 0 && route.jobs.is_empty()) {
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
    pub(super) fn sent(&mut self, index: RouteIndex) {
        if let Some(route) = self.get_mut(index) {
            route.in_flight += 1;
        }
    }

    /// Notes that a command of the route was answered.
    pub(super) fn answered(&mut self, index: RouteIndex) {
        if let Some(route) = self.get_mut(index) {
            route.in_flight = route.in_flight.saturating_sub(1);
        }
    }
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
        routes.sent(busy);
        for number in 0..10 * ROUTES_IDLE_MAX {
            let id = format!("p{number}");
            let index = routes.of(&id);
            assert_eq!(routes.get(index).map(Route::id), Some(id.as_str()));
            assert_eq!(routes.of(&id), index);
        }
        assert!(routes.routes.len() <= ROUTES_IDLE_MAX + 1);
        assert_eq!(routes.of("busy"), busy);
        routes.answered(busy);
        routes.forget_idle();
        assert!(routes.by_id.is_empty());
    }
}
