//! Forms of more than one part.

/// The value of the field `name` in the form `body`, which is said to be `media`.
pub(super) fn field<'b>(media: &str, body: &'b [u8], name: &str) -> Option<&'b str> {
    let boundary =
        media.strip_prefix("multipart/form-data;")?.trim().strip_prefix("boundary=")?.trim_matches('"');
    let whole = std::str::from_utf8(body).ok()?;
    let (parts, _end) = whole.split_once(&format!("--{boundary}--"))?;
    let wanted = format!("name=\"{name}\"");
    parts.split(&format!("--{boundary}\r\n")).skip(1).find_map(|part| {
        let (head, value) = part.split_once("\r\n\r\n")?;
        let is_it = |line: &str| {
            line.to_ascii_lowercase().starts_with("content-disposition: form-data;")
                && line.split(';').any(|attribute| attribute.trim() == wanted)
        };
        head.lines().any(is_it).then(|| value.strip_suffix("\r\n"))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_in_its_part_alone() {
        let form = b"--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n1\r\n--x\r\n\
            content-disposition: form-data; name=\"cifCod\"\r\n\r\nc-7\r\n--x--\r\n";
        assert_eq!(field("multipart/form-data; boundary=x", form, "cifCod"), Some("c-7"));
        assert_eq!(field("multipart/form-data; boundary=\"x\"", form, "other"), Some("1"));
        for (media, name) in [
            ("multipart/form-data; boundary=y", "cifCod"),
            ("multipart/form-data", "cifCod"),
            ("application/x-www-form-urlencoded", "cifCod"),
            ("multipart/form-data; boundary=x", "cif"),
        ] {
            assert_eq!(field(media, form, name), None, "{media} {name}");
        }
    }
}
