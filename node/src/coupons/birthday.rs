//! `birthday`: a coupon for every member whose birthday is on a date, once a year however often it runs or crashes.
//!
//! Every day at a time of a zone, there is a job for each birthday campaign. A day on which no node ran is made up for.

use async_trait::async_trait;
use earlybird_engine::Timestamp;
use earlybird_persistence::{
    BuyerId, JobId, JobProgress, JobRow, MemberFilter, MonthDay, NewCampaign, StoreError, UnixMillis,
};
use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use parking_lot::Mutex;

use super::bulk::Issuer;
use crate::jobs::{Arguments, Due, JobKind, Step, StepError, argument, only};

/// How many days are made up for, today included.
const DAYS_MADE_UP: i64 = 3;
/// Birthday campaigns of one page.
const CAMPAIGNS_PAGE: usize = 100;
/// How often the store is asked which campaigns there are.
const LOOK_EVERY_MS: u64 = 10_000;

/// When members who were born on 29 February have their birthday in a year without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum LeapDay {
    /// On 28 February.
    #[serde(rename = "february-28")]
    February28,
    /// On 1 March.
    #[serde(rename = "march-1")]
    March1,
}

/// When birthdays are looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct BirthdayOptions {
    /// At this time of the day.
    pub at: Time,
    /// In this zone.
    pub zone: TimeZone,
    /// What 29 February is in a common year.
    pub leap_day: LeapDay,
}

impl Default for BirthdayOptions {
    fn default() -> Self {
        Self { at: Time::constant(9, 0, 0, 0), zone: TimeZone::UTC, leap_day: LeapDay::February28 }
    }
}

/// The kind.
pub(crate) struct Birthday {
    /// What issues.
    pub(crate) issuer: Issuer,
    /// When.
    pub(crate) options: BirthdayOptions,
    /// When the store was asked last.
    pub(crate) looked_at: Mutex<Timestamp>,
}

#[async_trait]
impl JobKind for Birthday {
    fn name(&self) -> &'static str {
        "birthday"
    }

    fn check(&self, arguments: &Arguments) -> Result<(), String> {
        only(arguments, &["campaign", "date"])?;
        let date: Result<Date, _> = arguments["date"].parse();
        date.map(drop).map_err(|_| "date: must be a day such as 2026-02-28".to_owned())
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<Due>, StoreError> {
        {
            let mut looked_at = self.looked_at.lock();
            if looked_at.0 != 0 && now.since(*looked_at).0 < LOOK_EVERY_MS {
                return Ok(Vec::new());
            }
            *looked_at = now;
        }
        let dates = self.options.dates_due(now);
        let mut due = Vec::new();
        for campaign in self.campaigns(UnixMillis(now.0)).await? {
            // A campaign begins with the first morning that it sees.
            let begins_at = campaign.created_at.max(campaign.opens_at);
            for (date, at) in dates.iter().filter(|(_, at)| begins_at <= *at) {
                tracing::trace!(%date, ?at, campaign = %campaign.id, "birthdays are due");
                let id = JobId::from(format!("{}-{}-{date}", self.name(), campaign.id));
                let arguments = [("campaign", campaign.id.to_string()), ("date", date.to_string())];
                let arguments = arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                due.push(Due { id, arguments });
            }
        }
        Ok(due)
    }

    async fn step(&self, job: &JobRow, arguments: &Arguments) -> Result<Step, StepError> {
        let date: Date = argument(arguments, "date")?
            .parse()
            .map_err(|error| StepError::Fatal(format!("date: {error}")))?;
        let days = self.options.birthdays_on(date);
        let before = &job.progress;
        let total = match before.total {
            Some(total) => total,
            None => self.count(&days).await?,
        };
        let (place, after) = read_cursor(&before.cursor)?;
        let Some(day) = days.get(place) else {
            return Ok(Step::Done(JobProgress { total: Some(total), ..before.clone() }));
        };
        let filter = MemberFilter::Birthday(*day);
        let chunk_rows = self.issuer.chunk_rows;
        let members = self.issuer.store.list_members(&filter, after.as_ref(), chunk_rows).await?;
        let members: Vec<BuyerId> = members.into_iter().map(|member| member.id).collect();
        // The year is the occasion: one coupon a year, also when the birth date is corrected in between.
        let occasion = format!("birthday-{}", date.year());
        self.issuer.issue(argument(arguments, "campaign")?, &occasion, &members).await?;
        let done = before.done + members.len() as u64;
        let is_day_over = members.len() < chunk_rows;
        let cursor = match members.last() {
            Some(last) if !is_day_over => format!("{place}/{last}"),
            _ => format!("{}/", place + 1),
        };
        let is_last = is_day_over && place + 1 >= days.len();
        let progress = JobProgress { cursor: cursor.into(), done, total: Some(total.max(done)) };
        Ok(if is_last { Step::Done(progress) } else { Step::More(progress) })
    }
}

impl Birthday {
    /// The campaigns that issue coupons on birthdays now: one that has ended issues nothing.
    async fn campaigns(&self, now: UnixMillis) -> Result<Vec<NewCampaign>, StoreError> {
        let mut campaigns: Vec<NewCampaign> = Vec::new();
        loop {
            let after = campaigns.last().map(|last| &last.id);
            let page = self.issuer.store.birthday_campaigns(now, after, CAMPAIGNS_PAGE).await?;
            let is_last = page.len() < CAMPAIGNS_PAGE;
            campaigns.extend(page.into_iter().map(|row| row.campaign));
            if is_last {
                return Ok(campaigns);
            }
        }
    }

    async fn count(&self, days: &[MonthDay]) -> Result<u64, StoreError> {
        let mut total = 0;
        for day in days {
            total += self.issuer.store.count_members(&MemberFilter::Birthday(*day)).await?;
        }
        Ok(total)
    }
}

impl BirthdayOptions {
    /// The last dates whose time has come, each with the moment at which it came.
    fn dates_due(&self, now: Timestamp) -> Vec<(Date, UnixMillis)> {
        let now_ms = i64::try_from(now.0).unwrap_or(i64::MAX);
        let Ok(here) = jiff::Timestamp::from_millisecond(now_ms) else { return Vec::new() };
        let today = here.to_zoned(self.zone.clone()).date();
        let due = (0..DAYS_MADE_UP).filter_map(|back| {
            let date = today.checked_sub(back.days()).ok()?;
            // A time that the zone leaves out, or has twice, is one moment all the same.
            let at = date.to_datetime(self.at).to_zoned(self.zone.clone()).ok()?.timestamp();
            let at_ms = u64::try_from(at.as_millisecond()).ok()?;
            (at_ms <= now.0).then_some((date, UnixMillis(at_ms)))
        });
        due.collect()
    }

    /// The days of birth that have their birthday on a date.
    fn birthdays_on(&self, date: Date) -> Vec<MonthDay> {
        let day = |month: i8, day: i8| MonthDay { month: month.unsigned_abs(), day: day.unsigned_abs() };
        let mut days = vec![day(date.month(), date.day())];
        let stand_in = match self.leap_day {
            LeapDay::February28 => (2, 28),
            LeapDay::March1 => (3, 1),
        };
        if !date.in_leap_year() && (date.month(), date.day()) == stand_in {
            days.push(day(2, 29));
        }
        days
    }
}

/// `{place}/{member}`: which of the days, and the last member that is done.
fn read_cursor(cursor: &str) -> Result<(usize, Option<BuyerId>), StepError> {
    if cursor.is_empty() {
        return Ok((0, None));
    }
    let wrong = || StepError::Fatal(format!("the cursor {cursor:?} is not one of a birthday job"));
    let (place, member) = cursor.split_once('/').ok_or_else(wrong)?;
    let member = Some(member).filter(|member| !member.is_empty()).map(BuyerId::from);
    Ok((place.parse().map_err(|_| wrong())?, member))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn options(leap_day: LeapDay) -> BirthdayOptions {
        let zone = TimeZone::get("Asia/Seoul").expect("a zone");
        BirthdayOptions { at: Time::constant(9, 30, 0, 0), zone, leap_day }
    }

    #[track_caller]
    fn check(leap_day: LeapDay, on: Date, expected: &[(u8, u8)]) {
        let days = options(leap_day).birthdays_on(on);
        let days: Vec<(u8, u8)> = days.into_iter().map(|day| (day.month, day.day)).collect();
        assert_eq!(days, expected, "{leap_day:?} {on}");
    }

    #[test]
    fn the_leap_day_has_a_birthday_every_year() {
        use LeapDay::{February28, March1};
        for leap_day in [February28, March1] {
            check(leap_day, date(2024, 2, 28), &[(2, 28)]);
            check(leap_day, date(2024, 2, 29), &[(2, 29)]);
            check(leap_day, date(2024, 3, 1), &[(3, 1)]);
            check(leap_day, date(2026, 12, 31), &[(12, 31)]);
        }
        check(February28, date(2026, 2, 28), &[(2, 28), (2, 29)]);
        check(February28, date(2026, 3, 1), &[(3, 1)]);
        check(March1, date(2026, 2, 28), &[(2, 28)]);
        check(March1, date(2026, 3, 1), &[(3, 1), (2, 29)]);
        // A century that is no leap year.
        check(February28, date(2100, 2, 28), &[(2, 28), (2, 29)]);
    }

    #[test]
    fn a_date_is_due_at_its_time_in_its_zone() {
        let options = options(LeapDay::February28);
        let dates = |now: &str| -> Vec<String> {
            let now: jiff::Timestamp = now.parse().expect("a time");
            let due = options.dates_due(Timestamp(now.as_millisecond().unsigned_abs()));
            due.into_iter().map(|(date, _)| date.to_string()).collect()
        };
        // Half past nine in Seoul is half past midnight in London.
        assert_eq!(dates("2026-03-02T00:29:59Z"), ["2026-03-01", "2026-02-28"]);
        assert_eq!(dates("2026-03-02T00:30:00Z"), ["2026-03-02", "2026-03-01", "2026-02-28"]);
    }

    #[test]
    fn a_cursor_reads_back() {
        assert_eq!(read_cursor(""), Ok((0, None)));
        assert_eq!(read_cursor("1/"), Ok((1, None)));
        assert_eq!(read_cursor("0/a/b"), Ok((0, Some("a/b".into()))));
        assert!(read_cursor("x").is_err());
    }
}
