//! Unary `HoldSeats`, turned down, beside an empty unary echo.

use std::time::Duration;

use earlybird_proto::v1::{HoldSeatsRequest, SessionResponse};
use rand::Rng;
use tonic::Code;

use super::median;
use crate::house;
use crate::load::{Calls, Commands, unary};
use crate::row::{Figure, Goal, Row};
use crate::world::World;

const SEATS: u32 = 10_000;
const CALLS: Calls = Calls { connections: 4, in_flight: 256 };

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let node = world.node(&[]).await?;
    let venue = house::import(&node.dialer, "hall", SEATS).await?;
    let performance = house::perform(&node.dialer, &venue, "gala", Duration::from_secs(3_600)).await?;
    house::fill(&node.dialer, &performance, 0..SEATS).await?;
    let echo = world.echo(&SessionResponse::default()).await?;
    let (mut ours, mut echoed) = (Vec::new(), Vec::new());
    for _ in 0..world.rounds() {
        let empty = |_| HoldSeatsRequest::default;
        echoed.push(unary(&echo.dialer, CALLS, world.span(), Code::Ok, empty).await?);
        let late = |_| {
            let mut commands = Commands::new(&performance);
            move || commands.hold(vec![rand::rng().random_range(0..SEATS)])
        };
        ours.push(unary(&node.dialer, CALLS, world.span(), Code::Aborted, late).await?);
        eprintln!("  {:.0?}/s; echo {:.0?}/s", ours.last(), echoed.last());
    }
    let figure = |rates| Figure::per_second(median(rates));
    let what = format!("unary HoldSeats, rejected, {} in flight", CALLS.in_flight);
    let row = Row::new(what, figure(ours), Goal::TimesPeer(0.8));
    Ok(vec![row.against("empty unary echo", figure(echoed))])
}
