//! `Session` with the mission's mix, beside an echo stream of the same shape and a Redis hold script.

use std::time::Duration;

use anyhow::{Context, ensure};
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::{SessionRequest, SessionResponse};
use rush::connect::Dialer;
use rush::session::SessionClient;

use super::median;
use crate::house;
use crate::load::{Answered, Commands, Mix, closed, meaning};
use crate::peers::earlybird::Earlybird;
use crate::peers::echo::Echo;
use crate::peers::redis::{Pipeline, Redis};
use crate::row::{Figure, Goal, Row};
use crate::world::World;

/// Seats of the house, and those of them that are taken before the run.
const SEATS: u32 = 200_000;
const SEATS_TAKEN: u32 = 10_000;
/// Sessions, each on a connection of its own: as many as a frontend of a few processes has.
const SESSIONS: usize = 4;
/// The two ways in which Redis is driven; earlybird has the same number in flight.
const PIPELINES: [Pipeline; 2] =
    [Pipeline { connections: 50, depth: 16 }, Pipeline { connections: 256, depth: 1 }];
/// About two seconds of Redis at its best.
const REDIS_COMMANDS_PER_SECOND: u64 = 80_000;
/// Commands in flight of a session that is kept busy: what shows the cost of a message, not of waiting for it.
const BUSY_IN_FLIGHT: usize = 4_096;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let node = world.node(&[]).await?;
    let mut stage = Stage::set(world, node).await?;
    let mut rows = stage.beside_echo(world, BUSY_IN_FLIGHT, None).await?;
    for pipeline in PIPELINES {
        let in_flight = pipeline.connections * pipeline.depth;
        rows.extend(stage.beside_echo(world, in_flight, Some(pipeline)).await?);
    }
    Ok(rows)
}

/// The servers, and who buys.
struct Stage {
    node: Earlybird,
    echo: Echo,
    redis: Redis,
    venue: String,
    performance: String,
    /// They know which seats are still free.
    scripts: Vec<Mix>,
}

impl Stage {
    async fn set(world: &World, node: Earlybird) -> anyhow::Result<Self> {
        let venue = house::import(&node.dialer, "hall", SEATS).await?;
        let performance = house::perform(&node.dialer, &venue, "gala", Duration::from_secs(3_600)).await?;
        house::fill(&node.dialer, &performance, 0..SEATS_TAKEN).await?;
        let rejection = a_rejection(&node.dialer, &performance).await?;
        let echo = world.echo(&rejection).await?;
        let scripts = scripts(&performance);
        Ok(Self { node, echo, redis: world.redis().await?, venue, performance, scripts })
    }

    /// Goes on with a performance whose free seats are all still free.
    async fn turn_to(&mut self, id: &str) -> anyhow::Result<()> {
        self.performance =
            house::perform(&self.node.dialer, &self.venue, id, Duration::from_secs(3_600)).await?;
        house::fill(&self.node.dialer, &self.performance, 0..SEATS_TAKEN).await?;
        self.scripts = scripts(&self.performance);
        Ok(())
    }

    /// Lets the servers take turns with so many commands in flight.
    async fn beside_echo(
        &mut self,
        world: &World,
        in_flight: usize,
        pipeline: Option<Pipeline>,
    ) -> anyhow::Result<Vec<Row>> {
        self.turn_to(&format!("gala-{in_flight}")).await?;
        let (mut ours, mut echoed, mut redis) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..world.rounds() {
            echoed.push(self.echo(world, in_flight).await?);
            ours.push(self.mix(world, in_flight).await?);
            eprintln!("  {in_flight} in flight: {:.0?}/s; echo {:.0?}/s", ours.last(), echoed.last());
            if let Some(pipeline) = pipeline {
                let count = REDIS_COMMANDS_PER_SECOND * world.span().measured.as_secs();
                let (rate, accepted) = self.redis.holds(pipeline, count).await?;
                eprintln!("  Redis: {rate:.0}/s, {:.2}% accepted", accepted * 100.0);
                redis.push(rate);
            }
        }
        let figure = |rates| Figure::per_second(median(rates));
        let ours = figure(ours);
        let what = format!("session, 99.5% rejected, {in_flight} in flight");
        // What a message costs shows in a session that is kept busy; with few in flight both mostly wait.
        let goal = if in_flight == BUSY_IN_FLIGHT { Goal::TimesPeer(0.5) } else { Goal::None };
        let mut rows = vec![Row::new(&what, ours, goal).against("echo stream", figure(echoed))];
        if let Some(Pipeline { connections, depth }) = pipeline {
            let peer = format!("Redis, -c {connections} -P {depth}");
            rows.push(Row::new(&what, ours, Goal::TimesPeer(3.0)).against(peer, figure(redis)));
        }
        Ok(rows)
    }

    /// Messages a second of the echo.
    async fn echo(&self, world: &World, in_flight: usize) -> anyhow::Result<f64> {
        let scripts = scripts(&self.performance);
        let (rate, ..) = closed(&self.echo.dialer, scripts, in_flight / SESSIONS, world.span()).await?;
        Ok(rate)
    }

    /// Messages a second of the node.
    async fn mix(&mut self, world: &World, in_flight: usize) -> anyhow::Result<f64> {
        let scripts = std::mem::take(&mut self.scripts);
        let (rate, tally, scripts) =
            closed(&self.node.dialer, scripts, in_flight / SESSIONS, world.span()).await?;
        self.scripts = scripts;
        let is_sold_out = self.scripts.iter().any(Mix::is_sold_out);
        ensure!(!is_sold_out, "no seat is free any more: the holds were not the mission's mix");
        eprintln!("  {:.2}% accepted", tally.accepted as f64 * 100.0 / tally.all() as f64);
        Ok(rate)
    }
}

/// A script for each session, with free seats of its own.
fn scripts(performance: &str) -> Vec<Mix> {
    let share = (SEATS - SEATS_TAKEN) / SESSIONS as u32;
    let free = |session| SEATS_TAKEN + session * share..SEATS_TAKEN + (session + 1) * share;
    (0..SESSIONS as u32).map(|session| Mix::new(performance, 0..SEATS_TAKEN, free(session))).collect()
}

/// What the node says to a hold of a seat that is taken: the echo says the same.
async fn a_rejection(dialer: &Dialer, performance: &str) -> anyhow::Result<SessionResponse> {
    let hold = Commands::new(performance).hold(vec![SEATS_TAKEN - 1]);
    let mut session = SessionClient::open(&dialer.channel(0)).await?;
    session.push(SessionRequest { tag: 1, timeout_ms: 0, command: Some(Command::HoldSeats(hold)) });
    session.flush();
    let mut rejection = None;
    session.receive(1, |response| rejection = Some(response)).await?;
    let rejection = rejection.context("no reply")?;
    ensure!(meaning(rejection.result.as_ref()) == Answered::Rejected, "not a rejection: {rejection:?}");
    Ok(rejection)
}
