//! Where calls come in.

pub mod names;
pub mod status;
pub mod validate;
