//! Payments over real HTTP against the provider's simulator.

mod gateway;
