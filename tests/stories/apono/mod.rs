//! Apono: agents register their connectors, and what is declared of those comes true.

mod access;
mod adopt;
mod agent;
mod connected;
mod delete;
mod fallback;
mod moves;
mod names;
mod pages;
mod sessions;
mod waits;
