//! Tests of the audit: for every rule a journal that breaks it, journals that break none, and damaged ones.

mod claims;
mod damage;
mod market;
mod money;
mod random;
mod script;
mod stored;
mod timing;
mod waiting;
