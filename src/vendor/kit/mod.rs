//! What every connector needs.

pub mod delivery;
