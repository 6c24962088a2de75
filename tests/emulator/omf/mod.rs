//! AVEVA Data Hub: OMF connections and the identity service, judged by the vendor's published page and by what its own
//! clients send.

mod access;
mod connections;
mod control;
mod errors;
mod examples;
mod identity;
mod laws;
mod library;
mod life;
mod scale;
mod support;
mod switches;
