//! Tests of the node from outside.

mod chaos;
mod edge;
mod examples;
mod ingress;
mod money;
mod payments;
mod readme;
mod support;
mod tls;
