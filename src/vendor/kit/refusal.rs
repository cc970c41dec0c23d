//! What a vendor's refusal means where its own code says nothing more.

use crate::error::{Error, Kind};
use crate::vendor::kit::http::Answer;

/// The error for callers when the vendor means `status`, which need not be that of `answer`. Of what the vendor said
/// only its `code` and error `id` go on.
pub fn by_status(answer: &Answer, status: u16, code: &str, id: &str) -> Error {
    let error = |kind, detail: &str| answer.error(kind, detail, code, id);
    match status {
        401 => error(
            Kind::VendorCredentialsRejected,
            "the vendor does not take the credentials of the connection",
        ),
        403 => {
            error(Kind::VendorFeatureNotEnabled, "the vendor account lacks a permission or feature for this")
        }
        404 => error(Kind::VendorRejectedRequest, "the vendor does not know what was asked of it"),
        409 => error(Kind::VendorConflict, "the vendor refuses this in the present state of the account"),
        412 => error(Kind::VendorFeatureNotEnabled, "the vendor account is not set up for this"),
        429 => answer.rate_limited(code, id),
        408 | 500..=599 => answer.unavailable(code, id),
        400..=499 => error(Kind::VendorRejectedRequest, "the vendor refused the form of the request"),
        _ => error(Kind::VendorResponseInvalid, "the vendor's answer is neither a success nor a known error"),
    }
}
