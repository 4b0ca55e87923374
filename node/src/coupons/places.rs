//! One at a time for each hold that is paid with a coupon.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use earlybird_persistence::HoldToken;
use tokio::sync::{Mutex, MutexGuard};

/// Holds whose coupons are reserved at once. More wait, and so may two that only share a place.
const PLACES: usize = 1_024;

/// The places of all holds.
pub(super) struct Places(Vec<Mutex<()>>);

impl Default for Places {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Mutex::new(())).collect())
    }
}

impl Places {
    /// Waits for the place of a hold.
    pub(super) async fn of(&self, token: &HoldToken) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        (token.performance.as_str(), token.hold.0).hash(&mut hasher);
        let place = hasher.finish() % PLACES as u64;
        self.0[place as usize].lock().await
    }
}
