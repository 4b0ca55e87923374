//! Coupons on real stores: rushes of claims, payments that meet, birthdays across crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use earlybird_persistence::{
    BirthDate, Fingerprint, HoldId, IssueBatch, IssueOutcome, IssueWish, JobId, JobRow, JobState, MemberRow,
    MonthDay, RequestId,
};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::jobs::{Arguments, JobKind, Jobs, JobsOptions, Step, StepError};
use crate::people::{People, PeopleOptions};

/// Longest wait for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

struct House {
    _folder: Option<TempDir>,
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
}

impl House {
    async fn sqlite() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Some(Self::open(&url, Some(folder)).await)
    }

    async fn postgres() -> Option<Self> {
        if skips_postgres().expect("tests are not left out in continuous integration") {
            return None;
        }
        let server = TempPostgres::shared().expect("PostgreSQL; `make setup` installs it");
        let url = server.new_database().await.expect("a database");
        Some(Self::open(&url, None).await)
    }

    async fn open(url: &str, folder: Option<TempDir>) -> Self {
        let store = earlybird_persistence::open(url).await.expect("the store opens");
        let clock = Arc::new(Clock::start(&*store).await.expect("the store answers"));
        Self { _folder: folder, store, clock }
    }

    fn people(&self, node: &str, options: &PeopleOptions) -> People {
        let coupons =
            Coupons::new(Arc::clone(&self.store), Arc::clone(&self.clock), options.claims_waiting_max);
        People::new(node.into(), &self.store, &self.clock, coupons, options, Vec::new())
    }

    async fn campaign(&self, id: &str, change: impl FnOnce(&mut NewCampaign)) {
        let mut campaign = NewCampaign {
            id: id.into(),
            request_id: RequestId(*uuid::Uuid::new_v4().as_bytes()),
            fingerprint: Fingerprint(1),
            display_name: id.into(),
            terms: serde_json::to_vec(&terms()).expect("terms serialise").into(),
            stock: None,
            per_member_max: None,
            opens_at: UnixMillis(0),
            ends_at: None,
            returns_on_refund: false,
            is_birthday: false,
            created_at: UnixMillis(0),
        };
        change(&mut campaign);
        assert_eq!(
            self.store.create_campaign(&campaign).await.expect("it is stored"),
            CreateOutcome::Created
        );
    }

    async fn issued(&self, campaign: &str) -> u64 {
        self.store.campaign(&campaign.into()).await.expect("the store answers").expect("it is there").issued
    }

    /// How many coupons each of these members has.
    async fn coupons_of(&self, members: &[MemberRow]) -> BTreeMap<usize, usize> {
        let mut counts = BTreeMap::new();
        for member in members {
            let coupons = self.store.list_coupons(&member.id, None, 10).await.expect("the store answers");
            *counts.entry(coupons.len()).or_default() += 1;
        }
        counts
    }

    async fn until_ended(&self, id: &JobId) -> JobRow {
        let started = Instant::now();
        loop {
            let row = self.store.job(id).await.expect("the store answers");
            if let Some(row) = row.filter(|row| !matches!(row.state, JobState::Pending | JobState::Running)) {
                return row;
            }
            assert!(started.elapsed() < PATIENCE, "waited in vain: the job ends");
            // Not a wait for the result, only a pause so that looking does not take the processor from what is looked at.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn terms() -> Terms {
    Terms {
        discount: Discount::Percent { basis_points: 1_000 },
        currency: None,
        discount_max_minor: None,
        spend_min_minor: 0,
        valid_from: None,
        validity: Validity::Days(1),
        categories: Vec::new(),
        performances: Vec::new(),
    }
}

fn options() -> PeopleOptions {
    let jobs = JobsOptions {
        poll_every: Duration::from_millis(10),
        lease: Duration::from_secs(1),
        ..JobsOptions::default()
    };
    PeopleOptions { jobs, chunk_rows: 20, ..PeopleOptions::default() }
}

fn request() -> (RequestId, Fingerprint) {
    (RequestId(*uuid::Uuid::new_v4().as_bytes()), Fingerprint(1))
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

fn run_desk(people: &People) -> AbortOnDropHandle<()> {
    let coupons = Arc::clone(&people.coupons);
    spawn(async move { coupons.run_desk().await })
}

fn run_jobs(jobs: &Arc<Jobs>) -> AbortOnDropHandle<()> {
    spawn(Arc::clone(jobs).run())
}

/// Makes each test one for each store.
macro_rules! on_both_stores {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::House::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::House::postgres().await).await;
            })*
        }
    };
}

on_both_stores! {
    ten_thousand_claims_take_exactly_the_stock,
    a_claim_is_answered_once_and_the_same,
    a_coupon_is_one_payments_at_a_time,
    birthdays_are_kept_once_across_crashes,
    two_nodes_keep_a_birthday_once,
    a_job_issues_to_members_and_grades,
    dates_end_coupons_but_not_payments,
}

async fn ten_thousand_claims_take_exactly_the_stock(house: Option<House>) {
    const CLAIMS: usize = 10_000;
    const STOCK: u64 = 3_000;
    let Some(house) = house else { return };
    house
        .campaign("rush", |campaign| (campaign.stock, campaign.per_member_max) = (Some(STOCK), Some(1)))
        .await;
    let people = house.people("a", &options());
    let _desk = run_desk(&people);
    let claims = (0..CLAIMS).map(|number| {
        let coupons = Arc::clone(&people.coupons);
        // Every other member claims twice.
        let member = BuyerId::from(format!("m{}", number - number % 4 / 3));
        tokio::spawn(async move { coupons.claim("rush".into(), member, request()).await })
    });
    let (mut ids, mut members, mut refused) = (BTreeSet::new(), BTreeSet::new(), 0);
    for claim in claims.collect::<Vec<_>>() {
        match claim.await.expect("no panic") {
            Ok(coupon) => {
                assert!(ids.insert(coupon.id), "{} was given twice", coupon.id);
                assert!(members.insert(coupon.member.to_string()), "{} has two", coupon.member);
            }
            Err(IssueError::OutOfStock | IssueError::LimitReached) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((ids.len() as u64, refused), (STOCK, CLAIMS - ids.len()));
    assert_eq!(house.issued("rush").await, STOCK);
}

async fn a_claim_is_answered_once_and_the_same(house: Option<House>) {
    let Some(house) = house else { return };
    house.campaign("rush", |campaign| campaign.per_member_max = Some(1)).await;
    house.campaign("later", |campaign| campaign.opens_at = UnixMillis(i64::MAX as u64)).await;
    house.campaign("over", |campaign| campaign.ends_at = Some(UnixMillis(1))).await;
    // Nobody is at the desk yet.
    let people = house.people("a", &PeopleOptions { claims_waiting_max: 1, ..options() });
    let first = tokio::spawn({
        let coupons = Arc::clone(&people.coupons);
        async move { coupons.claim("rush".into(), "ann".into(), (RequestId([7; 16]), Fingerprint(1))).await }
    });
    while people.coupons.claims_waiting() == 0 {
        tokio::task::yield_now().await;
    }
    let claim = async |campaign: &str, member: &str, request| {
        people.coupons.claim(campaign.into(), member.into(), request).await
    };
    assert!(matches!(claim("rush", "ben", request()).await, Err(IssueError::Overloaded)));
    let _desk = run_desk(&people);
    let coupon = first.await.expect("no panic").expect("there is stock");
    let again = claim("rush", "ann", (RequestId([7; 16]), Fingerprint(1))).await;
    assert_eq!(again.expect("the same answer"), coupon);
    let reused = claim("rush", "ann", (RequestId([7; 16]), Fingerprint(2))).await;
    assert!(matches!(reused, Err(IssueError::RequestIdReused)), "{reused:?}");
    assert!(matches!(claim("rush", "ann", request()).await, Err(IssueError::LimitReached)));
    assert!(matches!(claim("later", "ann", request()).await, Err(IssueError::NotOpen { .. })));
    assert!(matches!(claim("over", "ann", request()).await, Err(IssueError::Ended)));
    assert!(matches!(claim("none", "ann", request()).await, Err(IssueError::CampaignNotFound)));
    // A caller that is gone before the desk looks gets nothing.
    let waiting = people.coupons.claim("rush".into(), "cid".into(), request());
    drop(waiting);
    assert_eq!(house.issued("rush").await, 1);
}

async fn a_coupon_is_one_payments_at_a_time(house: Option<House>) {
    let Some(house) = house else { return };
    house.campaign("rush", |_| {}).await;
    let people = house.people("a", &options());
    let _desk = run_desk(&people);
    let coupon = people.coupons.claim("rush".into(), "ann".into(), request()).await.expect("a coupon").id;
    let bill = Bill {
        performance: "carmen",
        currency: "KRW",
        lines: vec![Line { category: "A", amount_minor: 12_000 }],
    };
    let now = house.clock.now();
    let reserve = async |buyer: &str, hold: u64, now: Timestamp| {
        let token = HoldToken { performance: "carmen".into(), hold: HoldId(hold) };
        let reserved = people.coupons.reserve(coupon, &buyer.into(), &token, &bill, now).await;
        reserved.map(|reserved| reserved.discount_minor).map_err(|error| error.reason().as_str())
    };
    assert_eq!(reserve("ben", 1, now).await, Err("COUPON_NOT_OWNER"));
    assert_eq!(reserve("ann", 1, Timestamp(now.0 + 2 * 86_400_000)).await, Err("COUPON_EXPIRED"));
    // Two tabs at once: one gets it.
    let (one, two) = tokio::join!(reserve("ann", 1, now), reserve("ann", 2, now));
    assert!(matches!((one, two), (Ok(1_200), Err("COUPON_RESERVED")) | (Err("COUPON_RESERVED"), Ok(1_200))));
    let (winner, loser) = if one.is_ok() { (1, 2) } else { (2, 1) };
    assert_eq!(reserve("ann", winner, now).await, Ok(1_200));
    let token = |hold| HoldToken { performance: "carmen".into(), hold: HoldId(hold) };
    people.coupons.give_back(coupon, &token(loser)).await;
    assert_eq!(reserve("ann", loser, now).await, Err("COUPON_RESERVED"));
    people.coupons.give_back(coupon, &token(winner)).await;
    assert_eq!(reserve("ann", loser, now).await, Ok(1_200));
    let missing = people.coupons.quote(CouponId(999_999), &"ann".into(), &token(1), &bill, now).await;
    assert!(matches!(missing, Err(CouponError::NotFound)), "{missing:?}");
}

fn member(id: &str, grade: Option<&str>, (year, month, day): (u16, u8, u8)) -> MemberRow {
    let birth = Some(BirthDate { year, day: MonthDay { month, day } });
    MemberRow { id: id.into(), grade: grade.map(Into::into), birth, updated_at: UnixMillis(1) }
}

/// Members with their birthday on 28 February of a common year, and some without.
async fn put_members(house: &House) -> Vec<MemberRow> {
    let born = |number: usize| if number.is_multiple_of(3) { (2004, 2, 29) } else { (1990, 2, 28) };
    let celebrated: Vec<MemberRow> =
        (0..150).map(|number| member(&format!("m{number}"), None, born(number))).collect();
    let others = [member("x1", None, (1990, 3, 1)), member("x2", None, (1990, 2, 27))];
    house.store.put_members(&celebrated).await.expect("they are stored");
    house.store.put_members(&others).await.expect("they are stored");
    celebrated
}

fn birthday_arguments(date: &str) -> Arguments {
    [("campaign", "cake"), ("date", date)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A node that dies in every third step it takes: the step has had its effect, and is not noted.
struct Dying {
    kind: Birthday,
    steps: AtomicUsize,
    dead: Notify,
}

impl Dying {
    fn jobs(house: &House, node: &str) -> (Arc<Self>, Arc<Jobs>) {
        let PeopleOptions { jobs, birthday, chunk_rows, claims_waiting_max, .. } = options();
        let (store, clock) = (Arc::clone(&house.store), Arc::clone(&house.clock));
        let coupons = Coupons::new(Arc::clone(&store), Arc::clone(&clock), claims_waiting_max);
        let issuer = Issuer { store, coupons, clock, chunk_rows };
        let kind = Birthday { issuer, options: birthday, looked_at: Mutex::new(Timestamp(0)) };
        let dying = Arc::new(Self { kind, steps: AtomicUsize::new(0), dead: Notify::new() });
        let (store, clock) = (Arc::clone(&house.store), Arc::clone(&house.clock));
        let kinds: Vec<Arc<dyn JobKind>> = vec![Arc::clone(&dying) as Arc<dyn JobKind>];
        (dying, Jobs::new(node.into(), store, clock, jobs, kinds))
    }
}

#[async_trait]
impl JobKind for Dying {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn check(&self, arguments: &Arguments) -> Result<(), String> {
        self.kind.check(arguments)
    }

    async fn step(&self, job: &JobRow, arguments: &Arguments) -> Result<Step, StepError> {
        let step = self.kind.step(job, arguments).await;
        if self.steps.fetch_add(1, Ordering::SeqCst) == 2 {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
        step
    }
}

async fn birthdays_are_kept_once_across_crashes(house: Option<House>) {
    let Some(house) = house else { return };
    house.campaign("cake", |campaign| campaign.is_birthday = true).await;
    let members = put_members(&house).await;
    let id = JobId::from("birthday-cake-2026-02-28");
    for crash in 0..3 {
        let (dying, jobs) = Dying::jobs(&house, &format!("node-{crash}"));
        jobs.ensure(id.clone(), "birthday", &birthday_arguments("2026-02-28")).await.expect("it is stored");
        let running = run_jobs(&jobs);
        timeout(PATIENCE, dying.dead.notified()).await.expect("it comes to its third step");
        drop(running);
    }
    let survivor = house.people("survivor", &options());
    let running = run_jobs(&survivor.jobs);
    let ended = house.until_ended(&id).await;
    drop(running);
    assert_eq!((ended.state, ended.attempt), (JobState::Succeeded, 4));
    assert_eq!((ended.progress.done, ended.progress.total), (150, Some(150)));
    assert_eq!(house.coupons_of(&members).await, BTreeMap::from([(1, 150)]));
    assert_eq!(house.issued("cake").await, 150);

    // Another run on the same day of the same year, by hand: nobody has a second one.
    let people = house.people("again", &options());
    let _running = run_jobs(&people.jobs);
    let again = people.jobs.start("birthday", &birthday_arguments("2026-02-28"), request()).await;
    let again = house.until_ended(&again.expect("it is started").job.id).await;
    assert_eq!((again.state, again.progress.done), (JobState::Succeeded, 150));
    assert_eq!(house.issued("cake").await, 150);
    let next_year = people.jobs.start("birthday", &birthday_arguments("2027-02-28"), request()).await;
    house.until_ended(&next_year.expect("it is started").job.id).await;
    assert_eq!(house.coupons_of(&members).await, BTreeMap::from([(2, 150)]));
}

async fn two_nodes_keep_a_birthday_once(house: Option<House>) {
    let Some(house) = house else { return };
    // The calendar asks for it: the campaign has seen this morning, wherever that is.
    house.campaign("cake", |campaign| campaign.is_birthday = true).await;
    let now = jiff::Timestamp::from_millisecond(house.clock.now().0.cast_signed()).expect("a time");
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let born = (2000, today.month().unsigned_abs(), today.day().unsigned_abs());
    let members: Vec<MemberRow> = (0..50).map(|number| member(&format!("m{number}"), None, born)).collect();
    house.store.put_members(&members).await.expect("they are stored");
    let birthday = BirthdayOptions { at: jiff::civil::Time::midnight(), ..BirthdayOptions::default() };
    let options = PeopleOptions { birthday, ..options() };
    let (first, second) = (house.people("a", &options), house.people("b", &options));
    let _running = [run_jobs(&first.jobs), run_jobs(&second.jobs)];
    let ended = house.until_ended(&JobId::from(format!("birthday-cake-{today}"))).await;
    assert_eq!((ended.state, ended.attempt, ended.progress.done), (JobState::Succeeded, 1, 50));
    assert_eq!(house.coupons_of(&members).await, BTreeMap::from([(1, 50)]));
}

async fn a_job_issues_to_members_and_grades(house: Option<House>) {
    let Some(house) = house else { return };
    house.campaign("gift", |campaign| (campaign.stock, campaign.per_member_max) = (Some(95), Some(1))).await;
    let people = house.people("a", &options());
    let _running = run_jobs(&people.jobs);
    let grade = |number: usize| Some(if number < 60 { "vip" } else { "gold" });
    let members: Vec<MemberRow> =
        (0..100).map(|number| member(&format!("m{number:03}"), grade(number), (1990, 1, 1))).collect();
    house.store.put_members(&members).await.expect("they are stored");
    let issue = async |audience: &str, whom: &str| {
        let arguments = [("campaign", "gift"), (audience, whom)];
        let arguments = arguments.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let started = people.jobs.start("issue-coupons", &arguments, request()).await.expect("it is started");
        house.until_ended(&started.job.id).await
    };
    let named: Vec<&str> = members[..30].iter().map(|member| member.id.as_str()).collect();
    let ended = issue(AUDIENCE_MEMBERS, &named.join("\n")).await;
    assert_eq!((ended.state, ended.progress.done, ended.progress.total), (JobState::Succeeded, 30, Some(30)));
    // Those who have one are passed over.
    let ended = issue(AUDIENCE_GRADE, "vip").await;
    assert_eq!((ended.state, ended.progress.done, ended.progress.total), (JobState::Succeeded, 60, Some(60)));
    assert_eq!(house.issued("gift").await, 60);
    assert_eq!(house.coupons_of(&members).await, BTreeMap::from([(1, 60), (0, 40)]));
    let ended = issue(AUDIENCE_EVERYONE, "true").await;
    assert_eq!(ended.state, JobState::Failed);
    assert_eq!(ended.error.as_deref(), Some("campaign gift: all coupons were issued"));
    assert_eq!(house.issued("gift").await, 95);
}

async fn dates_end_coupons_but_not_payments(house: Option<House>) {
    let Some(house) = house else { return };
    house.campaign("brief", |_| {}).await;
    let people = house.people("a", &options());
    // Issued ten minutes ago, good for one; and one was reserved then, for a payment that is still under way.
    let issued_at = UnixMillis(house.clock.now().0 - 600_000);
    let wish = |number: usize| IssueWish {
        member: "ann".into(),
        occasion: number.to_string().into(),
        request: None,
        expires_at: UnixMillis(issued_at.0 + 60_000),
    };
    let batch = IssueBatch { campaign: "brief".into(), wishes: (0..45).map(wish).collect(), now: issued_at };
    let outcomes = house.store.issue_coupons(&batch).await.expect("the store answers");
    let id = |outcome| match outcome {
        IssueOutcome::Issued(row) => row.id,
        other => panic!("{other:?}"),
    };
    let ids: Vec<CouponId> = outcomes.into_iter().map(id).collect();
    let token = HoldToken { performance: "carmen".into(), hold: HoldId(1) };
    let reserved = house.store.reserve_coupon(ids[0], &"ann".into(), &token, issued_at).await;
    reserved.expect("the store answers").expect("its date was to come");
    let _running = run_jobs(&people.jobs);
    let started =
        people.jobs.start("coupon-expiry", &Arguments::new(), request()).await.expect("it is started");
    house.until_ended(&started.job.id).await;
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for id in ids {
        let coupon = house.store.coupon(id).await.expect("the store answers").expect("it is there");
        *states.entry(format!("{:?}", coupon.state)).or_default() += 1;
    }
    assert_eq!(states, BTreeMap::from([("Expired".to_owned(), 44), ("Reserved".to_owned(), 1)]));
}
