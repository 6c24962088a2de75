//! `make e2e`: the operator is installed as people install operators, on a real node: kubelet, containerd and runc run the image, Helm,
//! kustomize and kubectl do what the README says, and the emulated vendors are a pod.
//!
//! It has two halves in one program. The outer one prepares what takes root and registries: packages, tools, images. The inner one runs on a
//! machine of its own (`own-machine`), which ends with it and leaves nothing behind, and tells the stories one after the other: they
//! share the cluster, so the first one that fails is the last one told.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it saw by panicking")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to a person")]

#[path = "../support/mod.rs"]
mod support;

mod cgroups;
mod helm;
mod images;
mod installed;
mod kustomize;
mod leadership;
mod leaving;
mod machine;
mod node;
mod samples;
mod shell;
mod the_image;
mod told;
mod upgrade;
mod vendors;

use std::process::ExitCode;

fn main() -> ExitCode {
    if machine::is_own() { told::tell_all(told::STORIES) } else { machine::prepare_and_enter() }
}
