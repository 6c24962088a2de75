//! Apono: judged by its published specification, each switch seen to matter, each of its agents' steps.

mod agents;
mod api;
mod control;
mod generated;
mod pages;
mod specification;
mod support;
mod switches;
