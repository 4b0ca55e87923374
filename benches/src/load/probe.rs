//! A light caller beside a load: does the node still answer?

use std::time::Duration;

use anyhow::bail;
use hdrhistogram::Histogram;
use rush::connect::{Dialer, seating};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tonic::Code;

use super::{Commands, latencies};

/// Between two calls.
const PERIOD: Duration = Duration::from_millis(20);
/// An answer that takes longer is no answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Calls `HoldSeats` for one seat, fifty times a second, until it is asked what it saw.
#[derive(Debug)]
pub struct Probe {
    stop: oneshot::Sender<()>,
    task: JoinHandle<anyhow::Result<Histogram<u64>>>,
}

impl Probe {
    /// Begins. The seat is taken, or the caller does not mind that the first call takes it.
    #[must_use]
    pub fn start(dialer: &Dialer, performance: &str, seat: u32) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (client, commands) = (seating(&dialer.channel(0)), Commands::new(performance));
        Self { stop, task: tokio::spawn(probe(client, commands, seat, stopped)) }
    }

    /// Ends it. Returns its latencies in microseconds, from the intended moments.
    ///
    /// # Errors
    /// When a call was not answered, or not as it should be.
    pub async fn stop(self) -> anyhow::Result<Histogram<u64>> {
        // It may have ended by itself, on an error, which the task tells.
        let _ = self.stop.send(());
        self.task.await?
    }
}

async fn probe(
    mut client: earlybird_proto::v1::seating_client::SeatingClient<rush::connect::Wire>,
    mut commands: Commands,
    seat: u32,
    mut stopped: oneshot::Receiver<()>,
) -> anyhow::Result<Histogram<u64>> {
    let mut latency = latencies()?;
    let mut ticks = tokio::time::interval(PERIOD);
    // A tick that was missed is made up for, so that a stall counts as often as it kept a caller waiting.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        let intended = tokio::select! {
            _ = &mut stopped => return Ok(latency),
            intended = ticks.tick() => intended,
        };
        let call = tokio::time::timeout(TIMEOUT, client.hold_seats(commands.hold(vec![seat]))).await;
        match call {
            Ok(Ok(_)) => {}
            Ok(Err(status)) if status.code() == Code::Aborted => {}
            Ok(Err(status)) => bail!("the probe was answered {status}"),
            Err(_) => bail!("the probe was not answered in {TIMEOUT:?}"),
        }
        let took = Instant::now().duration_since(intended).as_micros();
        latency.saturating_record(u64::try_from(took).unwrap_or(u64::MAX));
    }
}
