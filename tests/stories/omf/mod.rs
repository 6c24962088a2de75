//! OMF connections of AVEVA Data Hub, from the declaration to their end.

mod life;
