//! The one integration test binary.

mod vendor;
