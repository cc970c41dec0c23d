//! Pictures of nobody: grey, small and valid.

use std::io::{self, Write};

use flate2::Compression;
use flate2::Crc;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

const WIDTH: u8 = 64;
const HEIGHT: u8 = 40;

/// The format that an account gets its pictures in.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Pictures {
    /// JPEG, which the vendor's text calls the default.
    #[default]
    Jpg,
    /// PNG with 24 bits, which a table of the vendor's calls the default.
    Png,
}

impl Pictures {
    /// How the names of its files end.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Jpg => "jpg",
            Self::Png => "png",
        }
    }
}

/// A picture in the format of `file`'s name, in a grey of its own; `None` for a name of no picture.
pub(super) fn of(file: &str) -> Option<io::Result<Vec<u8>>> {
    let shade = file.bytes().fold(0_u8, |shade, byte| shade.wrapping_mul(31).wrapping_add(byte));
    match file.rsplit_once('.')?.1 {
        "jpg" => Some(Ok(jpeg(shade))),
        "png" => Some(png(shade)),
        _ => None,
    }
}

/// Whether `bytes` are a JPEG from its first marker to its last: segments, one of them a frame, then a scan.
pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.strip_prefix(&[0xff, 0xd8]).and_then(|rest| rest.strip_suffix(&[0xff, 0xd9]))
    else {
        return false;
    };
    let mut has_frame = false;
    while let [0xff, marker, a, b, ..] = rest {
        let length = usize::from(u16::from_be_bytes([*a, *b]));
        match marker {
            0xda => return has_frame && rest.len() > 2 + length,
            0xc0..=0xc2 => has_frame = true,
            _ => {}
        }
        match rest.get(2 + length..) {
            Some(after) if length >= 2 => rest = after,
            _ => return false,
        }
    }
    false
}

/// A baseline JPEG of nobody: the first block's brightness is `shade`, and no later block differs from the one before.
pub fn jpeg(shade: u8) -> Vec<u8> {
    let mut image = vec![0xff, 0xd8];
    image.extend([0xff, 0xdb, 0, 67, 0]);
    image.extend([1; 64]);
    image.extend([0xff, 0xc0, 0, 11, 8, 0, HEIGHT, 0, WIDTH, 1, 1, 0x11, 0]);
    // Brightness: code 0 says "as before", code 10 says "eight bits of difference follow".
    image.extend([0xff, 0xc4, 0, 21, 0x00, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8]);
    // Texture: code 0 says "none".
    image.extend([0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    image.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    image.extend([0x80 | shade >> 2, shade << 6]);
    // Of the 11 bits of the first block and 2 of each other, 16 are written; what is left is 0 and filled up with 1.
    let blocks = usize::from(WIDTH / 8) * usize::from(HEIGHT / 8);
    let left = 11 + 2 * (blocks - 1) - 16;
    image.resize(image.len() + left / 8, 0);
    image.push(0xff >> (left % 8));
    image.extend([0xff, 0xd9]);
    image
}

fn png(shade: u8) -> io::Result<Vec<u8>> {
    let mut image = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut image, *b"IHDR", &[0, 0, 0, WIDTH, 0, 0, 0, HEIGHT, 8, 2, 0, 0, 0]);
    let mut row = vec![shade; usize::from(WIDTH) * 3];
    // No filter.
    row.insert(0, 0);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    for _ in 0..HEIGHT {
        packed.write_all(&row)?;
    }
    chunk(&mut image, *b"IDAT", &packed.finish()?);
    chunk(&mut image, *b"IEND", &[]);
    Ok(image)
}

fn chunk(image: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    let [.., a, b, c, d] = data.len().to_be_bytes();
    image.extend([a, b, c, d]);
    let checked = [&name, data].concat();
    let mut crc = Crc::new();
    crc.update(&checked);
    image.extend(checked);
    image.extend(crc.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_is_one_from_end_to_end() {
        let whole = of("selfie.jpg").unwrap().unwrap();
        assert!(is_jpeg(&whole));
        let frameless = [&whole[..71], &whole[84..]].concat();
        let cut = &whole[..whole.len() - 2];
        let png = of("selfie.png").unwrap().unwrap();
        for other in
            [&frameless[..], cut, &png, b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xc0\x00\x00\xff\xd9", b""]
        {
            assert!(!is_jpeg(other), "{other:02x?}");
        }
    }
}
