//! Forms in parts.

use bytes::Bytes;
use http::HeaderValue;

use crate::vendor::kit::url::Segment;

/// Stands after a line break, which no segment holds.
const BOUNDARY: &str = "idv-gateway-form";

/// A form in parts, `multipart/form-data`: its media type and its body. What stands in it are segments, so that none can
/// hold a boundary.
pub fn multipart(members: &[(&'static str, &Segment)]) -> (HeaderValue, Bytes) {
    let mut body = String::new();
    for (name, value) in members {
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend([&head, value.as_str(), "\r\n"]);
    }
    body.extend(["--", BOUNDARY, "--\r\n"]);
    (HeaderValue::from_static("multipart/form-data; boundary=idv-gateway-form"), body.into())
}
