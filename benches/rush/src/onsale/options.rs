//! What an on-sale is made of.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;

use crate::limits::{BUYERS_MAX, REQUESTS_MAX};
use crate::transport::Mode;

/// What is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum House {
    /// A performance that exists, by its id or its name.
    Performance(String),
    /// A new performance at a venue that exists, by its id or its name.
    Venue(String),
    /// A new performance at a new venue, imported from a seating plan.
    Plan(PathBuf),
}

/// An on-sale. [`Options::new`] gives the defaults of the command line; all fields are checked by [`Options::validate`].
#[derive(Clone, Debug, Serialize)]
pub struct Options {
    /// URIs of the nodes; sessions are spread over them.
    pub endpoints: Vec<String>,
    /// A JWT, sent with every call.
    #[serde(skip)]
    pub token: Option<String>,
    /// What is sold.
    pub house: House,
    /// Seats wanted from the house, for computing the number of buyers; its capacity when not given.
    pub seats: Option<u32>,
    /// Buyers; ten for each seat when not given.
    pub buyers: Option<u32>,
    /// Requests of each buyer, on average, before what follows from them (payments, releases, places).
    pub tries: f64,
    /// Share of the requests that come within `burst`.
    pub burst_share: f64,
    /// The burst.
    pub burst: Duration,
    /// The whole curve.
    pub duration: Duration,
    /// The part of the burst that is for members alone, where rush makes the performance.
    pub presale: Duration,
    /// Divides `burst`, `duration`, `presale` and `think_time`.
    pub compress: f64,
    /// Share of the buyers who are members: they go first and queue for what they missed.
    pub vip_share: f64,
    /// Share of the holds that are paid.
    pub pay: f64,
    /// Share of the holds that are left to lapse.
    pub abandon: f64,
    /// Share of the holds that are given back. What remains of the three shares is extended, then paid.
    pub release: f64,
    /// Share of the payments that the provider's simulator is asked to decline.
    pub decline: f64,
    /// Share of the orders that are given back.
    pub refund: f64,
    /// Share of the tries that ask for the best seats available.
    pub best_available: f64,
    /// Share of the tries that look at the whole seat map instead.
    pub looks: f64,
    /// Weights of holds of 1, 2, 3 and 4 seats.
    pub multi: Vec<f64>,
    /// Mean time between a hold and what its buyer does with it.
    pub think_time: Duration,
    /// Life of a hold, where rush makes the performance.
    pub hold_ttl: Duration,
    /// Whether holds are acknowledged from memory, where rush makes the performance.
    pub memory_ack: bool,
    /// Price of the cheapest category in minor units, where rush makes the performance; each dearer one adds half of it.
    pub price_minor: i64,
    /// Session streams or unary calls.
    pub mode: Mode,
    /// Sessions, each with its share of the buyers.
    pub sessions: usize,
    /// Tries are sent at whole multiples of it, all lanes at once, so that a packet carries many; zero sends each at its
    /// moment. The wait counts as latency. On two busy cores, 679,000 requests in 20 s over 16 sessions cost 7.1 s of
    /// processor time at their moments and 3.8 s with ticks of 2 ms.
    pub send_tick: Duration,
    /// How long the server may take for one attempt.
    pub timeout: Duration,
    /// How long rush goes on while the server cannot be reached.
    pub patience: Duration,
    /// Makes a run of the same options repeatable as far as the server's timing lets it.
    pub seed: u64,
    /// Whether to sell what is left after the curve.
    pub settle: bool,
    /// Longest settling; when not given, as long as holds and offers need to lapse twice.
    pub settle_max: Option<Duration>,
    /// Whether to compare with the final state.
    pub check: bool,
    /// Where the simulator of the payment provider is, if its books are to be compared as well. Needs the role `admin`, to
    /// have the journal added up.
    pub toss_sim: Option<String>,
}

impl Options {
    /// The defaults, for selling `house` at one endpoint.
    pub fn new(endpoint: impl Into<String>, house: House) -> Options {
        Options {
            endpoints: vec![endpoint.into()],
            token: None,
            house,
            seats: None,
            buyers: None,
            tries: 20.0,
            burst_share: 0.2,
            burst: Duration::from_secs(10),
            duration: Duration::from_secs(300),
            presale: Duration::from_secs(2),
            compress: 5.0,
            vip_share: 0.02,
            pay: 0.8,
            abandon: 0.1,
            release: 0.05,
            decline: 0.03,
            refund: 0.01,
            best_available: 0.1,
            looks: 0.0005,
            multi: vec![0.5, 0.35, 0.1, 0.05],
            think_time: Duration::from_secs(2),
            hold_ttl: Duration::from_secs(5),
            memory_ack: false,
            price_minor: 50_000,
            mode: Mode::Session,
            sessions: 16,
            send_tick: Duration::from_millis(2),
            timeout: Duration::from_secs(10),
            patience: Duration::from_secs(60),
            seed: 1,
            settle: true,
            settle_max: None,
            check: true,
            toss_sim: None,
        }
    }

    /// `duration` as it is run.
    pub fn compressed(&self, duration: Duration) -> Duration {
        duration.div_f64(self.compress)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// Names the flag of the first field that is wrong and says what is accepted.
    pub fn validate(&self) -> anyhow::Result<()> {
        ensure!(!self.endpoints.is_empty(), "--endpoint: at least one is needed");
        for (flag, share) in [
            ("--burst-share", self.burst_share),
            ("--vip-share", self.vip_share),
            ("--pay", self.pay),
            ("--abandon", self.abandon),
            ("--release", self.release),
            ("--decline", self.decline),
            ("--refund", self.refund),
            ("--best-available", self.best_available),
            ("--looks", self.looks),
        ] {
            ensure!((0.0..=1.0).contains(&share), "{flag}: {share} is not a share; 0 to 1 is accepted");
        }
        let fates = self.pay + self.abandon + self.release;
        ensure!(
            fates <= 1.0 + 1e-9,
            "--pay, --abandon and --release add up to {fates}; at most 1 is accepted"
        );
        for (flag, duration) in [
            ("--duration", self.duration),
            ("--hold-ttl", self.hold_ttl),
            ("--timeout", self.timeout),
            ("--patience", self.patience),
        ] {
            ensure!(!duration.is_zero(), "{flag}: a duration above 0 is needed, such as 5s");
        }
        ensure!(self.hold_ttl >= Duration::from_secs(1), "--hold-ttl: at least 1s is accepted");
        ensure!(self.burst <= self.duration, "--burst: {:?} is longer than --duration", self.burst);
        ensure!(self.presale <= self.duration, "--presale: {:?} is longer than --duration", self.presale);
        ensure!(
            self.compress >= 1.0 && self.compress.is_finite(),
            "--compress: {} is below 1",
            self.compress
        );
        ensure!(self.tries > 0.0 && self.tries.is_finite(), "--tries: {} is not above 0", self.tries);
        ensure!((1..=1_024).contains(&self.sessions), "--sessions: 1 to 1024 are accepted");
        ensure!(self.send_tick <= Duration::from_secs(1), "--send-tick: at most 1s is accepted");
        ensure!(self.price_minor >= 0, "--price: 0 or more is accepted");
        self.validate_sizes()
    }

    fn validate_sizes(&self) -> anyhow::Result<()> {
        ensure!(self.seats != Some(0), "--seats: at least 1 is needed");
        if let Some(buyers) = self.buyers {
            ensure!(
                u64::from(buyers) >= self.sessions as u64 && u64::from(buyers) <= BUYERS_MAX,
                "--buyers: {buyers} is not between --sessions ({}) and {BUYERS_MAX}",
                self.sessions
            );
            let requests = f64::from(buyers) * self.tries;
            ensure!(
                requests <= REQUESTS_MAX as f64,
                "--tries: {requests} requests are more than {REQUESTS_MAX}"
            );
        }
        ensure!(
            (1..=4).contains(&self.multi.len())
                && self.multi.iter().all(|weight| *weight >= 0.0 && weight.is_finite())
                && self.multi.iter().sum::<f64>() > 0.0,
            "--multi: 1 to 4 weights of 0 or more are accepted, not all 0, such as 0.5,0.35,0.1,0.05"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl Fn(&mut Options), flag: &str) {
        let mut options = Options::new("http://127.0.0.1:1", House::Venue("hall".to_owned()));
        assert!(options.validate().is_ok());
        change(&mut options);
        let error = options.validate().expect_err(flag).to_string();
        assert!(error.contains(flag), "{error:?} names {flag}");
    }

    #[test]
    fn a_wrong_value_names_its_flag() {
        check(|o| o.burst_share = 1.2, "--burst-share");
        check(|o| o.abandon = -0.1, "--abandon");
        check(|o| o.pay = f64::NAN, "--pay");
        check(|o| (o.pay, o.release) = (0.9, 0.3), "add up");
        check(|o| o.duration = Duration::ZERO, "--duration");
        check(|o| o.compress = 0.5, "--compress");
        check(|o| o.hold_ttl = Duration::from_millis(10), "--hold-ttl");
        check(|o| o.burst = Duration::from_secs(900), "--burst");
        check(|o| o.multi = vec![0.0], "--multi");
        check(|o| o.buyers = Some(3), "--buyers");
        check(|o| o.endpoints.clear(), "--endpoint");
        check(|o| o.sessions = 0, "--sessions");
    }
}
