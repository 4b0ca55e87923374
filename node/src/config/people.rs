//! Coupons, and the jobs that look after them.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Config;
use super::check::Checks;
use super::value::{duration, text};
use crate::coupons::{BirthdayOptions, LeapDay};
use crate::jobs::JobsOptions;
use crate::people::PeopleOptions;

/// How a time of the day is written.
const TIME_FORM: &str = "%H:%M";

/// Work in steps, on one node at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobsConfig {
    /// How often a node looks for a job to do.
    #[serde(with = "duration")]
    pub poll_every: Duration,
    /// A job whose node is silent for so long goes on elsewhere.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// Jobs that a node does at once.
    pub running_max: usize,
    /// Rows of one step.
    pub chunk_rows: usize,
}

/// Coupons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CouponsConfig {
    /// Claims that wait; a further one is `RESOURCE_EXHAUSTED` at once.
    pub claims_waiting_max: usize,
    /// How often coupons are ended whose date has passed.
    #[serde(with = "duration")]
    pub expiry_every: Duration,
    /// A coupon that is reserved for so long without an order is given back.
    #[serde(with = "duration")]
    pub reserved_for_max: Duration,
    /// When birthday coupons are issued, such as `09:00`.
    #[serde(with = "text")]
    pub birthday_time: String,
    /// The IANA zone of that time, such as `Asia/Seoul`.
    #[serde(with = "text")]
    pub birthday_zone: String,
    /// When members born on 29 February have their birthday in a common year.
    pub birthday_leap_day: LeapDay,
}

impl Default for JobsConfig {
    fn default() -> Self {
        let PeopleOptions { jobs, chunk_rows, .. } = PeopleOptions::default();
        let JobsOptions { poll_every, lease, running_max } = jobs;
        Self { poll_every, lease, running_max, chunk_rows }
    }
}

impl Default for CouponsConfig {
    fn default() -> Self {
        let options = PeopleOptions::default();
        Self {
            claims_waiting_max: options.claims_waiting_max,
            expiry_every: options.coupon_expiry_every,
            reserved_for_max: options.coupon_reserved_for_max,
            birthday_time: options.birthday.at.strftime(TIME_FORM).to_string(),
            birthday_zone: "UTC".to_owned(),
            birthday_leap_day: options.birthday.leap_day,
        }
    }
}

impl Config {
    /// What members, coupons and jobs are started with.
    pub(super) fn people_options(&self) -> PeopleOptions {
        let (jobs, coupons) = (&self.jobs, &self.coupons);
        let defaults = BirthdayOptions::default();
        PeopleOptions {
            jobs: JobsOptions {
                poll_every: jobs.poll_every,
                lease: jobs.lease,
                running_max: jobs.running_max,
            },
            chunk_rows: jobs.chunk_rows,
            claims_waiting_max: coupons.claims_waiting_max,
            coupon_expiry_every: coupons.expiry_every,
            coupon_reserved_for_max: coupons.reserved_for_max,
            birthday: BirthdayOptions {
                // Both were checked.
                at: coupons.time().unwrap_or(defaults.at),
                zone: coupons.zone().unwrap_or(defaults.zone),
                leap_day: coupons.birthday_leap_day,
            },
        }
    }
}

impl JobsConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.span_ms("jobs.poll_every", self.poll_every, 10, 60_000);
        checks.span_ms("jobs.lease", self.lease, 1_000, 600_000);
        checks.number("jobs.running_max", self.running_max, 1, 64);
        checks.number("jobs.chunk_rows", self.chunk_rows, 1, earlybird_persistence::ISSUE_MAX);
    }
}

impl CouponsConfig {
    fn time(&self) -> Option<Time> {
        Time::strptime(TIME_FORM, &self.birthday_time).ok()
    }

    fn zone(&self) -> Option<TimeZone> {
        TimeZone::get(&self.birthday_zone).ok()
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        checks.number("coupons.claims_waiting_max", self.claims_waiting_max, 1, 1_000_000);
        checks.span_s("coupons.expiry_every", self.expiry_every, 1, 86_400);
        // A call may take as long as grpc.request_timeout allows, ten minutes at most, until its payment begins.
        checks.span_s("coupons.reserved_for_max", self.reserved_for_max, 900, 86_400);
        if self.time().is_none() {
            checks.fault("coupons.birthday_time", "a time of the day such as 09:00 is accepted");
        }
        if self.zone().is_none() {
            let accepted = "a name of the IANA time zone database such as Asia/Seoul is accepted";
            checks.fault("coupons.birthday_zone", accepted);
        }
    }
}
