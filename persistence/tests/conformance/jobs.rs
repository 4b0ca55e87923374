//! Jobs: created once, done by one node at a time, gone on with from where they were.

use earlybird_persistence::{
    CreateOutcome, Fingerprint, JobCursor, JobEnd, JobProgress, JobRow, JobState, NewJob, UnixMillis,
};

use crate::support::{Fixture, request_id};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const KINDS: [&str; 2] = ["sweep", "count"];

fn at(ms: u64) -> UnixMillis {
    UnixMillis(NOW.0 + ms)
}

fn job(id: &str, created_at: u64) -> NewJob {
    NewJob {
        id: id.into(),
        kind: "sweep".into(),
        arguments: "{\"a\":\"1\"}".into(),
        request: None,
        created_at: at(created_at),
    }
}

async fn take(fixture: &Fixture, node: &str, now: u64) -> Option<JobRow> {
    fixture.store.take_job(&KINDS, &node.into(), at(now), at(now + 10)).await.unwrap()
}

pub(crate) async fn a_job_is_created_once(fixture: &Fixture) {
    let store = &fixture.store;
    let daily = job("daily", 0);
    assert_eq!(store.create_job(&daily).await.unwrap(), CreateOutcome::Created);
    assert_eq!(store.create_job(&daily).await.unwrap(), CreateOutcome::AlreadyExists);
    let asked = NewJob { request: Some((request_id(1), Fingerprint(u64::MAX))), ..job("asked", 1) };
    assert_eq!(store.create_job(&asked).await.unwrap(), CreateOutcome::Created);
    let row = store.job(&"asked".into()).await.unwrap().unwrap();
    assert_eq!((&row.job, row.state, row.attempt), (&asked, JobState::Pending, 0));
    let again = NewJob { id: "asked-again".into(), ..asked.clone() };
    assert_eq!(store.create_job(&again).await.unwrap(), CreateOutcome::Replayed(row));
    let other = NewJob { request: Some((request_id(1), Fingerprint(1))), ..again };
    assert_eq!(store.create_job(&other).await.unwrap(), CreateOutcome::RequestIdReused);
    let ids = |rows: &[JobRow]| rows.iter().map(|row| row.job.id.to_string()).collect::<Vec<_>>();
    let page = store.list_jobs(None, 1).await.unwrap();
    assert_eq!(ids(&page), ["asked"]);
    let cursor = JobCursor { created_at: page[0].job.created_at, id: page[0].job.id.clone() };
    assert_eq!(ids(&store.list_jobs(Some(&cursor), 10).await.unwrap()), ["daily"]);
}

pub(crate) async fn a_job_is_one_nodes_at_a_time(fixture: &Fixture) {
    let store = &fixture.store;
    store.create_job(&job("second", 2)).await.unwrap();
    store.create_job(&job("first", 1)).await.unwrap();
    store.create_job(&NewJob { kind: "unknown".into(), ..job("other", 0) }).await.unwrap();
    let first = take(fixture, "a", 0).await.unwrap();
    assert_eq!((first.job.id.as_str(), first.state, first.attempt), ("first", JobState::Running, 1));
    assert_eq!(first.holder, Some("a".into()));
    assert_eq!(take(fixture, "b", 0).await.unwrap().job.id.as_str(), "second");
    assert_eq!(take(fixture, "b", 9).await, None);
    // Its lease ran out: another goes on from its cursor, and it is told to stop.
    let mut held = first;
    held.progress = JobProgress { cursor: "m500".into(), done: 500, total: Some(1_000) };
    held.error = Some("the store did not answer".into());
    held = store.keep_job(&held, at(5), at(15)).await.unwrap().unwrap();
    assert_eq!(take(fixture, "b", 14).await.map(|row| row.job.id), Some("second".into()));
    let taken = take(fixture, "b", 15).await.unwrap();
    assert_eq!((taken.attempt, &taken.progress), (2, &held.progress));
    assert_eq!(taken.error.as_deref(), Some("the store did not answer"));
    assert_eq!(store.keep_job(&held, at(16), at(26)).await.unwrap(), None);
    assert!(!store.end_job(&held, &JobEnd::Succeeded, at(16)).await.unwrap());
    assert!(store.end_job(&taken, &JobEnd::Failed("no".into()), at(16)).await.unwrap());
    let ended = store.job(&"first".into()).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.error.as_deref(), ended.holder), (JobState::Failed, Some("no"), None));
    assert!(!store.end_job(&taken, &JobEnd::Succeeded, at(17)).await.unwrap());
}

pub(crate) async fn a_job_that_is_given_up_is_taken_at_once(fixture: &Fixture) {
    fixture.store.create_job(&job("first", 1)).await.unwrap();
    let held = take(fixture, "a", 0).await.unwrap();
    fixture.store.yield_job(&held, at(1), at(1)).await.unwrap();
    assert_eq!(take(fixture, "b", 1).await.unwrap().attempt, 2);
}

pub(crate) async fn a_job_that_is_given_up_for_a_while_keeps_no_other_waiting(fixture: &Fixture) {
    let store = &fixture.store;
    store.create_job(&job("failing", 1)).await.unwrap();
    let mut held = take(fixture, "a", 1).await.unwrap();
    held.error = Some("not now".into());
    store.yield_job(&held, at(5), at(2)).await.unwrap();
    assert_eq!(take(fixture, "b", 4).await, None);
    let row = store.job(&"failing".into()).await.unwrap().unwrap();
    assert_eq!((row.state, row.holder, row.error.as_deref()), (JobState::Running, None, Some("not now")));
    // It is older than this one, and has waited less.
    store.create_job(&job("new", 4)).await.unwrap();
    assert_eq!(take(fixture, "b", 5).await.unwrap().job.id.as_str(), "new");
    let again = take(fixture, "b", 5).await.unwrap();
    assert_eq!((again.job.id.as_str(), again.attempt), ("failing", 2));
    // Whoever had it before has no say in it.
    store.yield_job(&held, at(6), at(6)).await.unwrap();
    assert_eq!(store.job(&"failing".into()).await.unwrap(), Some(again));
}

pub(crate) async fn of_many_nodes_one_takes_a_job(fixture: &Fixture) {
    fixture.store.create_job(&job("first", 1)).await.unwrap();
    let racers = (0..8).map(|node| {
        let store = fixture.store.clone();
        tokio::spawn(async move {
            store.take_job(&KINDS, &format!("n{node}").into(), at(0), at(10)).await.unwrap().is_some()
        })
    });
    let mut winners = 0;
    for racer in racers.collect::<Vec<_>>() {
        winners += usize::from(racer.await.unwrap());
    }
    assert_eq!(winners, 1);
}

pub(crate) async fn a_job_can_be_stopped(fixture: &Fixture) {
    let store = &fixture.store;
    for id in ["pending", "running"] {
        store.create_job(&job(id, 1)).await.unwrap();
    }
    let stopped = store.cancel_job(&"pending".into(), at(2)).await.unwrap().unwrap();
    assert_eq!(stopped.state, JobState::Cancelled);
    let held = take(fixture, "a", 2).await.unwrap();
    assert_eq!(held.job.id.as_str(), "running");
    let stopped = store.cancel_job(&"running".into(), at(3)).await.unwrap().unwrap();
    assert_eq!((stopped.state, stopped.cancel_requested), (JobState::Running, true));
    let kept = store.keep_job(&held, at(3), at(20)).await.unwrap().unwrap();
    assert!(kept.cancel_requested);
    assert!(store.end_job(&kept, &JobEnd::Cancelled, at(4)).await.unwrap());
    let ended = store.cancel_job(&"running".into(), at(9)).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.updated_at), (JobState::Cancelled, at(4)));
    assert_eq!(store.cancel_job(&"nothing".into(), at(9)).await.unwrap(), None);
}

pub(crate) async fn ended_jobs_are_forgotten_in_time(fixture: &Fixture) {
    let store = &fixture.store;
    for id in ["ended", "pending"] {
        store.create_job(&job(id, 1)).await.unwrap();
    }
    store.cancel_job(&"ended".into(), at(5)).await.unwrap();
    assert_eq!(store.prune_jobs(at(4), 10).await.unwrap(), 0);
    assert_eq!(store.prune_jobs(at(5), 10).await.unwrap(), 1);
    assert_eq!(store.job(&"ended".into()).await.unwrap(), None);
    assert_eq!(store.prune_jobs(at(99), 10).await.unwrap(), 0);
}
