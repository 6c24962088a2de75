//! OMF connections of AVEVA Data Hub, from the declaration to their end.

mod client_ids;
mod errors;
mod held;
mod identity;
mod life;
mod line;
mod many;
mod modes;
mod moves;
mod tokens;
mod update;
