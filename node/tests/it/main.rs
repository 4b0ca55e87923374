//! Tests of the node from outside.

mod chaos;
mod edge;
mod ingress;
mod money;
mod payments;
mod support;
