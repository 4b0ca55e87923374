//! Tests of the audit: for every rule a journal that breaks it, journals that break none, and damaged ones.

mod claims;
mod damage;
pub(crate) mod fixture;
mod market;
mod money;
mod random;
pub(crate) mod script;
mod stored;
mod timing;
mod waiting;
