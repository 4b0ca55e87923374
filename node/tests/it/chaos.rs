//! What fails, and what must hold all the same: real processes, real stores, real signals.
//!
//! ```text
//!  a Site (store, ports, settings) ──start──► Server (one process) ──SIGKILL, SIGTERM──► gone ──start──► the next one
//!                                               ▲
//!  load (rush, or a Crowd of buyers) ───────────┘       in the end: the audit of the store, off line
//! ```
//!
//! Moments of failure are drawn from a seed that is printed; `EARLYBIRD_CHAOS_SEED` gives another. `EARLYBIRD_CHAOS_ROUNDS` is
//! the number of on-sales that faults by chance happen to: `make soak` takes many.

mod cancellation;
mod cluster;
pub(crate) mod crowd;
mod ctl;
mod drain;
pub(crate) mod house;
mod kills;
mod outage;
mod panics;
mod proxy;
mod sale;
pub(crate) mod server;
mod takeover;
mod vanish;

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

/// Longest wait for something that must come, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Chance, repeatable: by the variable of the environment or else by the test's own seed.
fn chance(test: &str, seed: u64) -> StdRng {
    let given = std::env::var("EARLYBIRD_CHAOS_SEED").ok();
    let seed = given.map_or(seed, |text| text.parse().expect("EARLYBIRD_CHAOS_SEED is a number"));
    println!("{test}: EARLYBIRD_CHAOS_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Whether a test is left out for what is missing on this machine. Says so loudly; in continuous integration it fails.
pub(crate) fn skips_without(what: &str, is_there: bool) -> bool {
    if !is_there {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "{what} missing; run `make setup`, as root if need be"
        );
        eprintln!("SKIPPED: a test without {what}; `make setup` installs what it can");
    }
    !is_there
}

/// Looks again until there is something, and returns it.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        // Not a wait for the result, only a pause so that looking does not take the processor from what is looked at.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
