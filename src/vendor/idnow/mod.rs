//! IDnow AutoIdent.
