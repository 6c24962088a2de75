//! Apono: agents register their connectors, and what is declared of those comes true.

mod adopt;
mod agent;
