//! `make judge`: others judge what is shipped. kstatus and Argo CD's Lua of what the objects say, kubeconform and kube-score
//! of everything rendered, crdify of what a change of the definitions breaks, and rules of our own of the workflows.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it saw by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod chart;
mod corpus;
mod definitions;
mod practices;
mod release;
mod rendered;
mod schemas;
mod workflows;
