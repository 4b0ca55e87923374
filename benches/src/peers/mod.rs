//! The servers under measurement, each a real process.

pub mod cluster;
pub mod earlybird;
pub mod echo;
pub mod echo_server;
pub mod redis;
pub mod toss_sim;
