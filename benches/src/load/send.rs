//! Sends a number of commands and waits for all of them: to set a scene.

use anyhow::{Context, ensure};
use earlybird_proto::v1::{SessionRequest, SessionResponse};
use rush::connect::Wire;
use rush::session::SessionClient;

use super::{Answered, meaning};

const IN_FLIGHT_MAX: usize = 1_024;
const REPLIES_PER_WAKE_MAX: usize = 512;

/// Sends the commands over one session; all must be accepted.
///
/// # Errors
/// When one is not, or the session is lost.
pub async fn send_all(
    wire: &Wire,
    mut requests: impl Iterator<Item = SessionRequest>,
) -> anyhow::Result<Vec<SessionResponse>> {
    let mut session = SessionClient::open(wire).await.context("cannot open a session")?;
    let (mut in_flight, mut responses) = (0, Vec::new());
    loop {
        for request in requests.by_ref().take(IN_FLIGHT_MAX - in_flight) {
            session.push(request);
            in_flight += 1;
        }
        if in_flight == 0 {
            return Ok(responses);
        }
        session.flush();
        let before = responses.len();
        session.receive(REPLIES_PER_WAKE_MAX, |response| responses.push(response)).await?;
        for response in &responses[before..] {
            let accepted = meaning(response.result.as_ref()) == Answered::Accepted;
            ensure!(accepted, "a command was not accepted: {:?}", response.result);
        }
        in_flight -= responses.len() - before;
    }
}
