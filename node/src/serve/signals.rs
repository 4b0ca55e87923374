//! SIGTERM and SIGINT: the first drains, the second ends the process.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell reports of a process that SIGTERM ended.
const EXIT_CODE_CUT_OFF: i32 = 143;

/// Both signals.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next signal.
    pub(super) async fn first(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Ends the process at the next signal.
    pub(super) fn exit_on_second(mut self) {
        tokio::spawn(async move {
            self.first().await;
            tracing::warn!("told twice to stop: not draining any further");
            std::process::exit(EXIT_CODE_CUT_OFF);
        });
    }
}
