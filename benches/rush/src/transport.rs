//! What a lane sends through: a session or unary calls, connected again whenever it is lost.

use std::future::pending;

use anyhow::ensure;
use earlybird_proto::v1::SessionRequest;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tonic::Status;

use crate::answer::Answer;
use crate::connect::{Dialer, Wire};
use crate::limits::{
    ANSWERS_PER_WAKE_MAX, IN_FLIGHT_PER_SESSION_MAX, IN_FLIGHT_PER_UNARY_LANE_MAX, SESSIONS_PER_CONNECTION,
};
use crate::session::SessionClient;
use crate::unary::UnaryClient;

/// How commands travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Many commands over a few streams.
    Session,
    /// One call a command.
    Unary,
}

/// The connections of a run, shared by its lanes.
#[derive(Clone, Debug)]
pub struct Connections {
    wires: Vec<Wire>,
}

impl Connections {
    /// Enough connections for `lanes` lanes, and at least one for each endpoint.
    ///
    /// # Errors
    /// When `lanes` is 0.
    pub fn new(dialer: &Dialer, lanes: usize) -> anyhow::Result<Connections> {
        ensure!(lanes > 0, "--sessions: at least 1 is needed");
        let count = lanes.div_ceil(SESSIONS_PER_CONNECTION).max(dialer.endpoints());
        Ok(Connections { wires: (0..count).map(|number| dialer.channel(number)).collect() })
    }

    /// The `number`th connection, counted round.
    pub fn wire(&self, number: usize) -> &Wire {
        &self.wires[number % self.wires.len()]
    }
}

enum Link {
    Down,
    Opening(BoxFuture<'static, Result<SessionClient, Status>>),
    Session(Box<SessionClient>),
    Unary(UnaryClient),
}

/// The way of one lane to the server.
pub struct Transport {
    connections: Connections,
    mode: Mode,
    turn: usize,
    link: Link,
}

/// What [`Transport::receive`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Answers, in the list given.
    Answers,
    /// The session is open: sending may begin.
    Opened,
    /// The session could not be opened, or ended: what was in flight is unknown. Call [`Transport::open`] after a while.
    Lost,
}

impl Transport {
    /// A transport that is not connected. `turn` chooses its first connection.
    pub fn new(connections: Connections, mode: Mode, turn: usize) -> Transport {
        Transport { connections, mode, turn, link: Link::Down }
    }

    /// Begins to connect, to the next connection than last time, unless it has begun.
    pub fn open(&mut self) {
        if !matches!(self.link, Link::Down) {
            return;
        }
        let wire = self.connections.wire(self.turn).clone();
        self.turn += 1;
        self.link = match self.mode {
            Mode::Session => Link::Opening(Box::pin(async move { SessionClient::open(&wire).await })),
            Mode::Unary => Link::Unary(UnaryClient::new(wire)),
        };
    }

    /// Lets the session go, if it is thought to be dead.
    pub fn close(&mut self) {
        self.link = Link::Down;
    }

    /// Whether commands may be pushed.
    pub fn is_ready(&self) -> bool {
        matches!(self.link, Link::Session(_) | Link::Unary(_))
    }

    /// Whether it is neither connected nor connecting.
    pub fn is_down(&self) -> bool {
        matches!(self.link, Link::Down)
    }

    /// How many commands may be in flight.
    pub fn in_flight_max(&self) -> usize {
        match self.mode {
            Mode::Session => IN_FLIGHT_PER_SESSION_MAX,
            Mode::Unary => IN_FLIGHT_PER_UNARY_LANE_MAX,
        }
    }

    /// Adds a command to the batch. Only when ready: otherwise it is dropped, and its time-out brings it back.
    pub fn push(&mut self, request: SessionRequest) {
        match &mut self.link {
            Link::Session(session) => session.push(request),
            Link::Unary(unary) => unary.push(request),
            Link::Down | Link::Opening(_) => debug_assert!(false, "pushed to a transport that is not ready"),
        }
    }

    /// Sends the batch.
    pub fn flush(&mut self) {
        if let Link::Session(session) = &mut self.link {
            session.flush();
        }
    }

    /// Waits for answers, or for the connection. May be dropped and called again; waits for ever while down.
    pub async fn receive(&mut self, answers: &mut Vec<(u64, Answer)>) -> Received {
        let result = match &mut self.link {
            Link::Down => pending().await,
            Link::Opening(opening) => opening.await.map(Some),
            Link::Session(session) => session
                .receive(ANSWERS_PER_WAKE_MAX, |reply| answers.push(Answer::of_session(reply)))
                .await
                .map(|()| None),
            Link::Unary(unary) => {
                unary.receive(ANSWERS_PER_WAKE_MAX, |tag, answer| answers.push((tag, answer))).await;
                Ok(None)
            }
        };
        match result {
            Ok(None) => Received::Answers,
            Ok(Some(session)) => {
                self.link = Link::Session(Box::new(session));
                Received::Opened
            }
            Err(_) => {
                self.link = Link::Down;
                Received::Lost
            }
        }
    }
}
