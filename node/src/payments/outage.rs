//! Whether the provider is out of order: told once when it begins and once when it is over, however many payments wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::GatewayError;

/// Calls without a definite answer, one after another with none between them that had one, that make an outage. One call
/// that fails is daily business.
const CALLS_MIN: u64 = 8;

/// What is known of the provider's health.
#[derive(Debug, Default)]
pub(super) struct Outage {
    failed_in_row: AtomicU64,
    since: Mutex<Option<Instant>>,
}

impl Outage {
    /// Notes what a call came to.
    pub(super) fn note<T>(&self, outcome: &Result<T, GatewayError>) {
        match outcome {
            Ok(_) | Err(GatewayError::Declined(_)) => self.answered(),
            Err(error @ (GatewayError::Unknown { .. } | GatewayError::Misconfigured(_))) => {
                self.failed(error)
            }
        }
    }

    fn answered(&self) {
        // Read before written: this is on the way of every payment.
        if self.failed_in_row.load(Ordering::Relaxed) == 0 {
            return;
        }
        let failed = self.failed_in_row.swap(0, Ordering::Relaxed);
        if let Some(since) = self.since.lock().take() {
            metrics::gauge!("earlybird_payments_outage").set(0.0);
            tracing::info!(failed, lasted = ?since.elapsed(), "the payment provider answers again");
        }
    }

    fn failed(&self, error: &GatewayError) {
        tracing::debug!(%error, "no definite answer from the payment provider");
        if self.failed_in_row.fetch_add(1, Ordering::Relaxed) + 1 < CALLS_MIN {
            return;
        }
        let mut since = self.since.lock();
        if since.is_none() {
            *since = Some(Instant::now());
            metrics::gauge!("earlybird_payments_outage").set(1.0);
            tracing::warn!(%error, "the payment provider gives no definite answers; asking on until it does");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_after_a_row_and_ends_with_an_answer() {
        let outage = Outage::default();
        let silence = Err::<(), _>(GatewayError::silence("time-out"));
        for _ in 1..CALLS_MIN {
            outage.note(&silence);
        }
        assert!(outage.since.lock().is_none());
        outage.note(&Err::<(), _>(GatewayError::Declined("REJECT_CARD_PAYMENT".into())));
        for _ in 1..CALLS_MIN {
            outage.note(&silence);
        }
        assert!(outage.since.lock().is_none(), "an answer came between");
        outage.note(&silence);
        assert!(outage.since.lock().is_some());
        outage.note(&Ok(()));
        assert!(outage.since.lock().is_none());
    }
}
