//! Pictures as the biometrics framework takes them: base64 in JSON, written straight into the one body that is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::model::biometric::Pictures;
use crate::vendor::preventor_open::config::PictureForm;

/// What names, quotes and braces of a picture take at most.
const AROUND: usize = 64;

/// The body of an upload.
pub(super) fn body(pictures: &Pictures, form: PictureForm) -> Bytes {
    let prefix = match form {
        PictureForm::Base64 => "",
        PictureForm::DataUri => "data:image/jpeg;base64,",
    };
    let all = pictures.portraits.iter().chain(&pictures.documents);
    let sizes = all.map(|picture| encoded_length(picture) + AROUND);
    let mut body = Vec::with_capacity(AROUND + sizes.sum::<usize>());
    for (begin, pictures) in
        [(&b"{\"portraits\":{"[..], &pictures.portraits), (b"},\"documents\":{", &pictures.documents)]
    {
        body.extend_from_slice(begin);
        for (index, picture) in pictures.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            body.extend_from_slice(format!("{comma}\"picture{}\":\"{prefix}", index + 1).as_bytes());
            write(picture, &mut body);
            body.push(b'"');
        }
    }
    body.extend_from_slice(b"}}");
    body.into()
}

fn encoded_length(picture: &[u8]) -> usize {
    picture.len().div_ceil(3) * 4
}

fn write(picture: &[u8], body: &mut Vec<u8>) {
    let begin = body.len();
    body.resize(begin + encoded_length(picture), 0);
    // There is room for all of it: that is the length of base64 with its padding.
    let written = STANDARD.encode_slice(picture, &mut body[begin..]).unwrap_or_default();
    body.truncate(begin + written);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn pictures_stand_in_their_places_whatever_their_length() {
        for length in [1, 2, 3, 4, 1 << 20] {
            let picture = Bytes::from(vec![0xd8; length]);
            let pictures = Pictures {
                portraits: vec![picture.clone(), picture.clone()],
                documents: vec![picture.clone()],
            };
            for (form, prefix) in
                [(PictureForm::Base64, ""), (PictureForm::DataUri, "data:image/jpeg;base64,")]
            {
                let text = format!("{prefix}{}", STANDARD.encode(&picture));
                let body = body(&pictures, form);
                let read: Value = serde_json::from_slice(&body).unwrap();
                let expected = json!({
                    "portraits": { "picture1": text, "picture2": text }, "documents": { "picture1": text },
                });
                assert_eq!(read, expected);
            }
        }
    }
}
