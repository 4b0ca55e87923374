//! Long work without a pause, in a thread of its own, behind all others in the machine's queue: on a worker of the runtime
//! it would stand in the way of every session that waits for that worker.

use std::io;
use std::thread;

use tokio::sync::oneshot;

/// How far such a thread steps back.
const NICENESS: i32 = 10;

/// Begins work that reports to nobody.
///
/// # Errors
/// When the system has no thread to give.
pub(crate) fn begin(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.into()).spawn(|| {
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::debug!(%error, "long work is done at the priority of everything else");
        }
        work();
    })?;
    Ok(())
}

/// Does work and waits for what comes of it.
///
/// # Errors
/// When the system has no thread to give, or the work panicked.
pub(crate) async fn done<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    begin(name, || {
        // Whoever asked may have gone away.
        drop(sender.send(work()));
    })?;
    receiver.await.map_err(|_| io::Error::other(format!("{name} panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_who_waits() {
        assert_eq!(done("adding", || 1 + 1).await.ok(), Some(2));
        let panicked = done("panicking", || panic!("as it should")).await;
        assert!(panicked.is_err_and(|error: io::Error| error.to_string() == "panicking panicked"));
    }
}
