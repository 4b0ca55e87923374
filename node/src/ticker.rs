//! The node's tick, from a thread of its own.
//!
//! A runtime whose workers are all busy looks at its timers only between many polls, so a tick that was one of its timers
//! came a tenth of a second late in a rush, and so did every expiry. A thread that sleeps is woken by the kernel in time,
//! however busy the workers are; all it does is to cast messages.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// A ticking thread. It ends soon after this is dropped.
pub(crate) struct Ticker {
    /// Carries nothing: the thread ends when it is dropped.
    _life: Sender<()>,
}

impl Ticker {
    /// Calls `tick` about every `period`, until the ticker is dropped. A panic in `tick` ends the process: a node whose
    /// holds do not lapse would look alive and sell nothing.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn start(period: Duration, mut tick: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let (life, dropped) = channel::<()>();
        thread::Builder::new().name("earlybird-ticker".into()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = dropped.recv_timeout(period) {
                if catch_unwind(AssertUnwindSafe(&mut tick)).is_err() {
                    tracing::error!("the ticker panicked; ending the process");
                    std::process::abort();
                }
            }
        })?;
        Ok(Self { _life: life })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ticks_until_it_is_dropped() {
        let (ticked, ticks) = channel();
        let ticker = Ticker::start(Duration::from_millis(1), move || {
            // The test may have stopped to listen.
            let _ = ticked.send(());
        })
        .expect("a thread");
        for _ in 0..3 {
            ticks.recv_timeout(Duration::from_secs(10)).expect("a tick");
        }
        drop(ticker);
        // The thread ends, and with it the sender: what it sent before is read first.
        while ticks.recv_timeout(Duration::from_secs(10)).is_ok() {}
        assert_eq!(ticks.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Disconnected));
    }
}
