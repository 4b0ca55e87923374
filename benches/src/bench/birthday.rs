//! A million members by stream, and a birthday of a hundred thousand of them, on PostgreSQL.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use earlybird_proto::v1::job::State;
use earlybird_proto::v1::{GetJobRequest, jobs_client::JobsClient, members_client::MembersClient};
use earlybird_proto::v1::{ImportMembersRequest, Member, StartJobRequest};
use rush::connect::Dialer;

use crate::coupons;
use crate::row::{Figure, Goal, Row};
use crate::world::World;

const MEMBERS: usize = 1_000_000;
/// Every tenth has the birthday that is looked at.
const BORN_THAT_DAY_IN: usize = 10;
/// Members of one message.
const MESSAGE_ROWS: usize = 5_000;
/// How often the job is looked at: far below what it takes.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let members = if world.quick { MEMBERS / 20 } else { MEMBERS };
    let node = world.node(&[("EARLYBIRD_JOBS__POLL_EVERY", "100ms")]).await?;
    let imported = import(&node.dialer, members).await?;
    let rate = members as f64 / imported.as_secs_f64();
    eprintln!("  {members} members in {imported:?}, {rate:.0}/s");
    let campaign = coupons::campaign(&node.dialer, "birthday", None, true).await?;
    let expected = members / BORN_THAT_DAY_IN;
    let took = keep_birthday(&node.dialer, &campaign, expected).await?;
    eprintln!("  {expected} coupons in {took:?}");
    let what = format!("members imported in one call, {members}, PostgreSQL");
    let job = format!("birthday job, {expected} coupons from {members} members, PostgreSQL");
    Ok(vec![
        Row::new(what, Figure::per_second(rate), Goal::None),
        Row::new(job, Figure::milliseconds(took.as_secs_f64() * 1_000.0), Goal::AtMost(20_000.0)),
    ])
}

fn member(number: usize) -> Member {
    let birth_date = if number.is_multiple_of(BORN_THAT_DAY_IN) {
        format!("{}-02-28", 1950 + number % 50)
    } else {
        format!("{}-{:02}-{:02}", 1950 + number % 50, 3 + number % 10, 1 + number % 28)
    };
    Member { member_id: format!("member-{number:07}"), grade: "gold".into(), birth_date, update_time: None }
}

async fn import(dialer: &Dialer, members: usize) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let messages = (0..members).step_by(MESSAGE_ROWS).map(move |first| ImportMembersRequest {
        members: (first..(first + MESSAGE_ROWS).min(members)).map(member).collect(),
    });
    let mut client = MembersClient::new(dialer.channel(0));
    let mut answers = client.import_members(tokio_stream::iter(messages)).await?.into_inner();
    let mut last = None;
    while let Some(answer) = answers.message().await? {
        last = Some(answer);
    }
    let last = last.context("an import without an answer")?;
    ensure!(last.written == members as u64 && last.rejected == 0, "not all were imported: {last:?}");
    Ok(began.elapsed())
}

async fn keep_birthday(dialer: &Dialer, campaign: &str, expected: usize) -> anyhow::Result<Duration> {
    let mut client = JobsClient::new(dialer.channel(0));
    let began = Instant::now();
    let id = campaign.strip_prefix("campaigns/").unwrap_or(campaign);
    let arguments = [("campaign", id), ("date", "2026-02-28")];
    let request = StartJobRequest {
        kind: "birthday".to_owned(),
        arguments: arguments.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        request_id: uuid::Uuid::new_v4().to_string(),
    };
    let name = client.start_job(request).await?.into_inner().name;
    loop {
        let job = client.get_job(GetJobRequest { name: name.clone() }).await?.into_inner();
        match job.state() {
            State::Pending | State::Running => tokio::time::sleep(LOOK_EVERY).await,
            State::Succeeded => {
                ensure!(job.done == expected as u64, "{} coupons, not {expected}", job.done);
                return Ok(began.elapsed());
            }
            _ => anyhow::bail!("the job ended otherwise: {job:?}"),
        }
    }
}
