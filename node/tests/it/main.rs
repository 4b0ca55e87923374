//! Tests of the node from outside.

mod edge;
mod ingress;
mod support;
