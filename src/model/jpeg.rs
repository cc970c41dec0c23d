//! What tells a JPEG from anything else: how it begins, its frame, and how it ends.

const MARKER: u8 = 0xff;
const BEGIN: [u8; 2] = [MARKER, 0xd8];
const END: [u8; 2] = [MARKER, 0xd9];
const SCAN: u8 = 0xda;

/// Why something is no JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// It begins otherwise.
    #[error("it does not begin as a JPEG does")]
    Begin,
    /// It breaks off, or its parts do not follow each other.
    #[error("it is cut off or damaged")]
    Broken,
    /// Nothing says how large the picture is.
    #[error("it has no frame with a size")]
    Frame,
}

/// Looks at the structure of `bytes`; whether the picture can be painted is left to who paints it.
pub fn check(bytes: &[u8]) -> Result<(), JpegError> {
    let mut rest = bytes.strip_prefix(&BEGIN).ok_or(JpegError::Begin)?;
    let mut framed = false;
    loop {
        let (kind, segment, behind) = segment(rest).ok_or(JpegError::Broken)?;
        framed |= is_frame(kind, segment);
        rest = behind;
        if kind == SCAN {
            break;
        }
    }
    if !framed {
        return Err(JpegError::Frame);
    }
    // Phones put data of their own behind the end.
    let ends = rest.windows(END.len()).any(|window| window == END);
    if ends { Ok(()) } else { Err(JpegError::Broken) }
}

/// The kind of the next segment, what is in it, and what stands behind it.
fn segment(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [MARKER, rest @ ..] = bytes else { return None };
    let filled = rest.iter().take_while(|byte| **byte == MARKER).count();
    let (kind, rest) = rest[filled..].split_first()?;
    let (length, _) = rest.split_first_chunk::<2>()?;
    // The length counts itself.
    let (segment, behind) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((*kind, segment.get(2..)?, behind))
}

/// Whether a segment is the header of a frame, with a width: precision, height, width.
fn is_frame(kind: u8, segment: &[u8]) -> bool {
    // Three numbers of the range stand for tables.
    let named = matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc);
    named && segment.get(3..5).is_some_and(|width| width != [0, 0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = &[0xff, 0xc0, 0, 11, 8, 0, 40, 0, 64, 1, 1, 0x11, 0];
    const TABLE: &[u8] = &[0xff, 0xff, 0xc4, 0, 4, 0xff, 0xd9];
    const START: &[u8] = &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0];
    const DATA: &[u8] = &[0x12, 0xff, 0, 0x34];

    fn checked(parts: &[&[u8]]) -> Result<(), JpegError> {
        check(&parts.concat())
    }

    #[test]
    fn a_picture_is_one_with_whatever_phones_add() {
        assert_eq!(checked(&[&BEGIN, TABLE, FRAME, START, DATA, &END]), Ok(()));
        assert_eq!(checked(&[&BEGIN, FRAME, TABLE, START, DATA, &END, b"SEFT"]), Ok(()));
    }

    #[test]
    fn what_is_none_is_refused() {
        use JpegError::{Begin, Broken, Frame};
        assert_eq!(check(b""), Err(Begin));
        assert_eq!(check(b"\x89PNG\r\n\x1a\n"), Err(Begin));
        assert_eq!(check(b"data:image/jpeg;base64,/9j/"), Err(Begin));
        assert_eq!(check(&BEGIN), Err(Broken));
        assert_eq!(checked(&[&BEGIN, &END]), Err(Broken));
        assert_eq!(
            checked(&[&BEGIN, TABLE, FRAME, START, DATA]),
            Err(Broken),
            "the table's end is not the picture's"
        );
        assert_eq!(checked(&[&BEGIN, FRAME, &[0x12], START, DATA, &END]), Err(Broken));
        assert_eq!(checked(&[&BEGIN, FRAME, &[0xff, 0xda, 0, 1], DATA, &END]), Err(Broken));
        assert_eq!(checked(&[&BEGIN, TABLE, START, DATA, &END]), Err(Frame));
        assert_eq!(checked(&[&BEGIN, &[0xff, 0xc0, 0, 7, 8, 0, 40, 0, 0], START, DATA, &END]), Err(Frame));
        let whole = [&BEGIN, TABLE, FRAME, START, DATA, &END].concat();
        for length in 0..whole.len() {
            assert!(check(&whole[..length]).is_err(), "{length}");
        }
    }
}
