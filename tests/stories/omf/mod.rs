//! OMF connections of AVEVA Data Hub, from the declaration to their end.

mod client_ids;
mod identity;
mod life;
mod line;
mod moves;
mod update;
