//! Finds images in JSON of a shape that is not published: every text that is a `data:` URI with base64 is one, and the
//! names and words around it say of which kind.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;

const MAX_DEPTH: usize = 32;
const MAX_IMAGES: usize = 256;
/// Of a text that is no image so much is kept: names, kinds, and how images begin.
const MAX_TEXT: usize = 128;
const IMAGE: &[u8] = b"data:";
const BASE64: &[u8] = b";base64,";
/// Base64 characters that are decoded at once: whole groups of four.
const GROUP: usize = 4096;

/// An image, and what may say of which kind it is, nearest first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) media_type: String,
    pub(super) content: Vec<u8>,
    pub(super) labels: Vec<String>,
}

/// Why a text cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ScanError {
    #[error("the vendor's answer is not JSON, or broke off")]
    Broken,
    #[error("an image in the vendor's answer is not base64")]
    Base64,
    #[error("the vendor's answer is nested too deeply, or holds too many images")]
    TooMany,
    #[error("the vendor's answer is larger than images.max_bytes")]
    TooLarge,
    #[error("an image in the vendor's answer is larger than images.max_image_bytes")]
    ImageTooLarge,
    #[error("the vendor refused the images")]
    Refused(String),
}

/// A text on its way.
#[derive(Debug)]
pub(super) struct Scan {
    /// Names of members that say of which kind an image is.
    kind_members: Vec<String>,
    /// Bytes that one image may have.
    max_image: usize,
    state: State,
    levels: Vec<Level>,
    images: usize,
    code: String,
    closed: bool,
}

#[derive(Debug)]
enum State {
    Between,
    Text { text: Vec<u8>, escaped: bool },
    Image { media_type: String, group: Vec<u8>, content: Vec<u8>, escaped: bool },
}

/// An object or a list that is open.
#[derive(Debug, Default)]
struct Level {
    is_object: bool,
    /// The next text is a name.
    at_name: bool,
    /// The name under which the present member stands.
    name: String,
    /// What the object says about the kind of its images.
    kind: String,
    /// Images in it, each with the name it stands under.
    images: Vec<(String, Found)>,
}

impl Scan {
    pub(super) fn new(kind_members: Vec<String>, max_image: usize) -> Self {
        let (state, levels) = (State::Between, Vec::new());
        Self { kind_members, max_image, state, levels, images: 0, code: String::new(), closed: false }
    }

    /// Takes the next piece of the text, and adds the images whose kind is known by then to `found`.
    pub(super) fn feed(&mut self, mut piece: &[u8], found: &mut VecDeque<Found>) -> Result<(), ScanError> {
        while let Some(byte) = piece.first() {
            match &mut self.state {
                State::Between => {
                    let byte = *byte;
                    piece = &piece[1..];
                    self.between(byte, found)?;
                }
                State::Text { .. } => piece = self.in_text(piece)?,
                State::Image { .. } => piece = self.in_image(piece)?,
            }
        }
        Ok(())
    }

    /// The text is at its end.
    pub(super) fn finish(&self) -> Result<(), ScanError> {
        if !self.closed || !self.levels.is_empty() || !matches!(self.state, State::Between) {
            return Err(ScanError::Broken);
        }
        if self.images == 0 && !self.code.is_empty() {
            return Err(ScanError::Refused(self.code.clone()));
        }
        Ok(())
    }

    fn between(&mut self, byte: u8, found: &mut VecDeque<Found>) -> Result<(), ScanError> {
        match byte {
            b'{' | b'[' if self.levels.len() >= MAX_DEPTH => return Err(ScanError::TooMany),
            b'{' | b'[' => {
                let is_object = byte == b'{';
                self.levels.push(Level { is_object, at_name: is_object, ..Level::default() });
            }
            b'}' | b']' => {
                let level = self.levels.pop().filter(|level| level.is_object == (byte == b'}'));
                self.close(level.ok_or(ScanError::Broken)?, found);
            }
            b',' => {
                if let Some(level) = self.levels.last_mut() {
                    level.at_name = level.is_object;
                }
            }
            b'"' if self.levels.is_empty() => return Err(ScanError::Broken),
            b'"' => self.state = State::Text { text: Vec::new(), escaped: false },
            // Numbers, truth values and white space say nothing about images.
            _ if self.levels.is_empty() && !byte.is_ascii_whitespace() => return Err(ScanError::Broken),
            _ => {}
        }
        Ok(())
    }

    /// An object or list is complete: now it is known what its images are.
    fn close(&mut self, level: Level, found: &mut VecDeque<Found>) {
        self.closed = self.levels.is_empty();
        let around = self.levels.iter().rev().flat_map(|outer| [outer.name.clone(), outer.kind.clone()]);
        let around: Vec<_> = around.filter(|label| !label.is_empty()).collect();
        for (name, image) in level.images {
            let own = [level.kind.clone(), name].into_iter().filter(|label| !label.is_empty());
            found.push_back(Found { labels: own.chain(around.iter().cloned()).collect(), ..image });
        }
    }

    fn in_text<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], ScanError> {
        let State::Text { text, escaped } = &mut self.state else { return Ok(piece) };
        for (index, byte) in piece.iter().enumerate() {
            match byte {
                b'"' if !*escaped => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    self.state = State::Between;
                    self.text(text);
                    return Ok(&piece[index + 1..]);
                }
                b'\\' if !*escaped => *escaped = true,
                byte => {
                    *escaped = false;
                    if text.len() < MAX_TEXT {
                        text.push(*byte);
                    }
                    let is_value = self.levels.last().is_some_and(|level| !level.at_name);
                    if is_value && text.starts_with(IMAGE) && text.ends_with(BASE64) {
                        let media_type = &text[IMAGE.len()..text.len() - BASE64.len()];
                        self.images += 1;
                        if self.images > MAX_IMAGES {
                            return Err(ScanError::TooMany);
                        }
                        self.state = State::Image {
                            media_type: String::from_utf8_lossy(media_type).into_owned(),
                            group: Vec::with_capacity(GROUP),
                            content: Vec::new(),
                            escaped: false,
                        };
                        return Ok(&piece[index + 1..]);
                    }
                }
            }
        }
        Ok(&[])
    }

    fn in_image<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], ScanError> {
        let State::Image { media_type, group, content, escaped } = &mut self.state else { return Ok(piece) };
        for (index, byte) in piece.iter().enumerate() {
            match byte {
                b'"' if !*escaped => {
                    decode(group, content, self.max_image)?;
                    let media_type = std::mem::take(media_type);
                    let image = Found { media_type, content: std::mem::take(content), labels: Vec::new() };
                    if let Some(level) = self.levels.last_mut() {
                        level.images.push((level.name.clone(), image));
                    }
                    self.state = State::Between;
                    return Ok(&piece[index + 1..]);
                }
                // Some writers escape the slashes of base64.
                b'\\' if !*escaped => *escaped = true,
                byte => {
                    *escaped = false;
                    group.push(*byte);
                    if group.len() == GROUP {
                        decode(group, content, self.max_image)?;
                    }
                }
            }
        }
        Ok(&[])
    }

    /// A text that is no image is complete.
    fn text(&mut self, text: String) {
        let depth = self.levels.len();
        let Some(level) = self.levels.last_mut() else { return };
        if level.at_name {
            level.name = text;
            level.at_name = false;
        } else if level.is_object && self.kind_members.contains(&level.name) {
            level.kind = text;
        } else if depth == 1 && level.name == "code" {
            self.code = text;
        }
    }
}

fn decode(group: &mut Vec<u8>, content: &mut Vec<u8>, max: usize) -> Result<(), ScanError> {
    STANDARD_PAD_INDIFFERENT.decode_vec(&*group, content).map_err(|_damaged| ScanError::Base64)?;
    group.clear();
    if content.len() > max { Err(ScanError::ImageTooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn scan(text: &str, size: usize) -> Result<Vec<Found>, ScanError> {
        let mut scan = Scan::new(vec!["type".to_owned()], 10_000);
        let mut found = VecDeque::new();
        for piece in text.as_bytes().chunks(size) {
            scan.feed(piece, &mut found)?;
        }
        scan.finish()?;
        Ok(found.into())
    }

    fn uri(content: &[u8]) -> String {
        format!("data:image/jpeg;base64,{}", STANDARD.encode(content))
    }

    #[test]
    fn images_are_found_in_any_shape_and_in_pieces_of_any_size() {
        let content: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let escaped = uri(&content).replace('/', "\\/");
        let listed = format!(r#"{{"images":[{{"image":"{escaped}","n":[1,true],"type":"DOCUMENT"}}]}}"#);
        let keyed = format!(r#"{{"DOCUMENT": ["{}"], "other": {{"a\"b": "text"}}}}"#, uri(&content));
        let nested = format!(r#"[{{"type":"DOCUMENT","data":{{"image":"{}"}}}}]"#, uri(&content));
        for text in [&listed, &keyed, &nested] {
            for size in [1, 3, 4097, usize::MAX] {
                let found = scan(text, size).unwrap();
                assert_eq!(found.len(), 1, "{size}");
                assert_eq!(
                    (found[0].content.as_slice(), found[0].media_type.as_str()),
                    (&*content, "image/jpeg")
                );
                assert!(found[0].labels.iter().any(|label| label == "DOCUMENT"), "{:?}", found[0].labels);
            }
        }
        assert_eq!(scan(&listed, 7).unwrap()[0].labels[0], "DOCUMENT", "its own word comes first");
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let whole = format!(r#"{{"a":"{}"}}"#, uri(b"picture"));
        for end in 0..whole.len() {
            assert_eq!(scan(&whole[..end], 5), Err(ScanError::Broken), "{end}");
        }
        assert_eq!(scan(r#"{"a":"data:image/png;base64,?!"}"#, 9), Err(ScanError::Base64));
        let large = format!("[\"{}\"]", uri(&[7; 10_001]));
        assert_eq!(scan(&large, 9), Err(ScanError::ImageTooLarge));
        assert_eq!(scan("<html>", 9), Err(ScanError::Broken));
        assert_eq!(scan("{]", 9), Err(ScanError::Broken));
        assert_eq!(scan(&"[".repeat(40), 9), Err(ScanError::TooMany));
        assert_eq!(
            scan(r#"{"status":404,"code":"TCKTNTFND"}"#, 9),
            Err(ScanError::Refused("TCKTNTFND".into()))
        );
        assert_eq!(scan(r#"{"images":[]}"#, 9), Ok(Vec::new()));
    }
}
