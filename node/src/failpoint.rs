//! Moments at which a test may end the process, as `kill -9` would: at once, and without a word to anybody.
//!
//! `FAILPOINTS=pay-answered=3*off->return` ends it when `pay-answered` is passed for the fourth time. Builds without the
//! feature `failpoints` of the crate `fail`, as all but those of tests are, have none.

/// Ends the process here, if a test asks for it.
pub(crate) fn die_at(name: &str) {
    fail::fail_point!(name, |_| {
        use rustix::process::{Signal, getpid, kill_process};
        // It cannot be refused to oneself; whoever waits for the death would notice.
        let _ = kill_process(getpid(), Signal::KILL);
    });
    let _ = name;
}
