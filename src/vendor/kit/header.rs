//! Values of header fields.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// `text` as it is. `None`: it cannot stand in a header field.
pub fn plain(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

/// `text`, which no debug output shows. `None`: it cannot stand in a header field.
pub fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = plain(text)?;
    value.set_sensitive(true);
    Some(value)
}

/// `Basic` with this pair.
pub fn basic(username: &str, password: &str) -> Option<HeaderValue> {
    secret(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

/// `Bearer` with this token. `None`: what is empty, or cannot stand in a header field, is no token.
pub fn bearer(token: &str) -> Option<HeaderValue> {
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_token { secret(&format!("Bearer {token}")) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown_and_what_is_no_token_is_none() {
        let value = basic("key", "secret").unwrap();
        assert_eq!(
            (value.as_bytes(), format!("{value:?}").as_str()),
            (&b"Basic a2V5OnNlY3JldA=="[..], "Sensitive")
        );
        assert_eq!(bearer("a.b-c").unwrap().as_bytes(), b"Bearer a.b-c");
        for odd in ["", "a b", "a\r\nb", "\u{e9}"] {
            assert_eq!(bearer(odd), None, "{odd:?}");
        }
    }
}
