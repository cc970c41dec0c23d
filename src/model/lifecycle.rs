//! The status rule: what an observation makes of an identification.
