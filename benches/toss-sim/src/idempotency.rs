//! Idempotency keys: the first call under a key is processed, later ones get its answer.
//!
//! As at the provider, a key counts together with the API key, the method and the URL, and *not* with the body: a key that
//! is used again for another order swallows that order. Answers of status 5xx are not kept, so the call may be tried
//! again under the same key.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt as _};
use http::StatusCode;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::answer::Answer;
use crate::code::ErrorCode;

/// Longest key, in characters.
const KEY_CHARS_MAX: usize = 300;
/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(15 * 24 * 3_600);
/// Answers kept; the oldest is forgotten first.
const KEPT_MAX: usize = 2_000_000;

/// What a key counts together with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The idempotency key.
    pub key: Box<str>,
    /// The shop's API key.
    pub api_key: Box<str>,
    /// Method and path of the call.
    pub call: Box<str>,
}

/// An answer that was given, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// To whom.
    #[serde(flatten)]
    scope: Scope,
    status: u16,
    body: String,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
}

/// The keys of all shops.
#[derive(Default)]
pub struct IdempotencyKeys {
    answers: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    by_scope: HashMap<Scope, Slot>,
    oldest_first: VecDeque<(OffsetDateTime, Scope)>,
}

enum Slot {
    Processing,
    Answered(Answer),
}

/// The right to process a call, which nobody else has under its key.
#[must_use]
pub struct Claim {
    /// None for a call without a key.
    scope: Option<Scope>,
    keys: Arc<IdempotencyKeys>,
}

impl Scope {
    /// # Errors
    /// [`ErrorCode::INVALID_IDEMPOTENCY_KEY`] for a key that is empty or too long.
    pub fn new(key: &str, api_key: &str, call: String) -> Result<Self, ErrorCode> {
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX {
            return Err(ErrorCode::INVALID_IDEMPOTENCY_KEY);
        }
        Ok(Self { key: key.into(), api_key: api_key.into(), call: call.into() })
    }
}

impl IdempotencyKeys {
    /// With the answers of an earlier run, oldest first.
    #[must_use]
    pub fn with(kept: VecDeque<KeptAnswer>) -> Arc<Self> {
        let mut answers =
            Answers { by_scope: HashMap::with_capacity(kept.len()), oldest_first: VecDeque::new() };
        for KeptAnswer { scope, status, body, at } in kept {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            answers.keep(scope, Answer { status, body: body.into() }, at);
        }
        Arc::new(Self { answers: Mutex::new(answers) })
    }

    /// Lets a call be processed, or tells what it is answered with instead: as the first under its key was, or that this one
    /// is still being processed.
    ///
    /// # Errors
    /// The answer.
    pub fn claim(self: &Arc<Self>, scope: Option<Scope>, now: OffsetDateTime) -> Result<Claim, Answer> {
        if let Some(scope) = &scope {
            let mut answers = self.answers.lock();
            answers.forget(now);
            match answers.by_scope.entry(scope.clone()) {
                Entry::Vacant(entry) => drop(entry.insert(Slot::Processing)),
                Entry::Occupied(entry) => {
                    return Err(match entry.get() {
                        Slot::Processing => ErrorCode::IDEMPOTENT_REQUEST_PROCESSING.into(),
                        Slot::Answered(answer) => answer.clone(),
                    });
                }
            }
        }
        Ok(Claim { scope, keys: Arc::clone(self) })
    }
}

impl Claim {
    /// Keeps the answer for later calls under the key, if it is one to be kept.
    pub fn settle(mut self, answer: &Answer, now: OffsetDateTime) -> Option<KeptAnswer> {
        if answer.status.is_server_error() {
            return None;
        }
        let scope = self.scope.take()?;
        self.keys.answers.lock().keep(scope.clone(), answer.clone(), now);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        Some(KeptAnswer { scope, status: answer.status.as_u16(), body, at: now })
    }
}

impl Drop for Claim {
    /// The call came to nothing, so the next one under the key is processed.
    fn drop(&mut self) {
        if let Some(scope) = &self.scope {
            self.keys.answers.lock().by_scope.remove(scope);
        }
    }
}

impl Answers {
    fn keep(&mut self, scope: Scope, answer: Answer, at: OffsetDateTime) {
        self.oldest_first.push_back((at, scope.clone()));
        self.by_scope.insert(scope, Slot::Answered(answer));
    }

    fn forget(&mut self, now: OffsetDateTime) {
        let is_due = |at: OffsetDateTime, kept: usize| kept > KEPT_MAX || now - at > KEPT_FOR;
        while self.oldest_first.front().is_some_and(|(at, _)| is_due(*at, self.oldest_first.len())) {
            if let Some((_, scope)) = self.oldest_first.pop_front() {
                self.by_scope.remove(&scope);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(key: &str, call: &str) -> Option<Scope> {
        Some(Scope::new(key, "secret", call.to_owned()).expect("a key"))
    }

    fn day(number: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(number * 24 * 3_600).expect("a time")
    }

    #[test]
    fn the_first_answer_is_given_again_for_fifteen_days() {
        let keys = IdempotencyKeys::with(VecDeque::new());
        let answer = Answer::refusal(ErrorCode::REJECT_CARD_PAYMENT);
        let claim = keys.claim(scope("k", "POST /confirm"), day(0)).expect("the first");
        let meanwhile = keys.claim(scope("k", "POST /confirm"), day(0)).err();
        assert_eq!(meanwhile, Some(ErrorCode::IDEMPOTENT_REQUEST_PROCESSING.into()));
        let kept = claim.settle(&answer, day(0)).expect("kept");
        for keys in [keys, IdempotencyKeys::with(VecDeque::from([kept]))] {
            assert_eq!(keys.claim(scope("k", "POST /confirm"), day(15)).err(), Some(answer.clone()));
            assert!(keys.claim(scope("k", "POST /cancel"), day(1)).is_ok(), "another call");
            assert!(keys.claim(scope("k", "POST /confirm"), day(16)).is_ok(), "forgotten");
        }
    }

    #[test]
    fn what_failed_may_be_tried_again() {
        let keys = IdempotencyKeys::with(VecDeque::new());
        let failure = Answer::refusal(ErrorCode::FAILED_INTERNAL_SYSTEM_PROCESSING);
        let claim = keys.claim(scope("k", "POST /confirm"), day(0)).expect("the first");
        assert!(claim.settle(&failure, day(0)).is_none());
        drop(keys.claim(scope("k", "POST /confirm"), day(0)).expect("the second"));
        assert!(keys.claim(scope("k", "POST /confirm"), day(0)).is_ok());
    }

    #[test]
    fn keys_have_one_to_three_hundred_characters() {
        for (key, is_valid) in [("", false), (&"키".repeat(300), true), (&"k".repeat(301), false)] {
            assert_eq!(Scope::new(key, "secret", String::new()).is_ok(), is_valid);
        }
    }
}
