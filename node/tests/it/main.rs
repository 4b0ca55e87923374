//! Tests of the node from outside.

mod chaos;
mod edge;
mod ingress;
mod payments;
mod support;
