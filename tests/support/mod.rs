//! What the story tests stand on: a real control plane, the real operator under the chart's own RBAC, the vendor
//! emulator, and words to tell a story with.
//!
//! It uses Kubernetes objects as plain data and shares no type with the operator: what the operator believes about its
//! own API is under test here, never a premise.
#![allow(clippy::doc_markdown, reason = "the names of kinds are words of the prose here")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "several test binaries include this module, and each uses a part of it"
)]

pub mod api_proxy;
pub mod apono;
pub mod audit;
pub mod canary;
pub mod certificates;
pub mod chart;
pub mod collector;
pub mod components;
pub mod control_plane;
pub mod cost;
pub mod ending;
pub mod health;
pub mod hostile;
pub mod http;
pub mod kubeconfig;
pub mod looking;
pub mod objects;
pub mod omf;
pub mod opening;
pub mod operator;
pub mod process;
pub mod proxy;
pub mod record;
pub mod story;
pub mod tools;
pub mod vendor;
pub mod wait;
pub mod wire;
pub mod yaml;
