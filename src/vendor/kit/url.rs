//! URLs whose shape no value can change.
//!
//! An id becomes part of a URL only as a [`Segment`], which passed an allow-list; percent-encoding alone would
//! not stop `..`, `%2e%2e`, tabs or an empty segment. The finished URL is compared with its template.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The characters a kind of id may have: ASCII letters, digits and a few more that mean nothing in a URL.
#[derive(Debug, Clone, Copy)]
pub struct Alphabet {
    extra: &'static str,
    max: usize,
}

/// One segment of a path: not empty, not made of dots alone, and free of everything a URL gives a meaning to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment(String);

/// Scheme, host and port of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(Url);

/// Whether an [`Origin`] may be plain http.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plain {
    /// Only https.
    Never,
    /// Also http, to this machine.
    Loopback,
}

/// A server and the path that everything of its API begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The server.
    pub origin: Origin,
    /// Empty, or for example `/v1/identity`.
    pub prefix: String,
}

/// A path with places for segments, for example `/api/v1/{customer}/login`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Place(String),
}

/// A finished URL that kept to its origin and its template.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    template: String,
}

/// Why something is not a URL, or not part of one, as a sentence that says what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(String);

impl Alphabet {
    /// ASCII letters, digits and the characters of `extra`, at most `max` in all.
    ///
    /// # Panics
    ///
    /// When `extra` holds anything but `-`, `.`, `_`, `~`, `@` and `+`: all others mean something in a path. Alphabets
    /// are constants, so that this fails the build.
    pub const fn letters_digits_and(extra: &'static str, max: usize) -> Self {
        let bytes = extra.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            let plain = matches!(bytes[index], b'-' | b'.' | b'_' | b'~' | b'@' | b'+');
            assert!(plain, "a character with a meaning in paths");
            index += 1;
        }
        Self { extra, max }
    }

    /// `text` as a segment, if it keeps to the alphabet.
    pub fn segment(&self, text: &str) -> Result<Segment, UrlError> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || self.extra.as_bytes().contains(&byte);
        let fits = (1..=self.max).contains(&text.len()) && text.bytes().all(known);
        if fits && !text.bytes().all(|byte| byte == b'.') {
            return Ok(Segment(text.to_owned()));
        }
        let (extra, max) = (self.extra, self.max);
        Err(UrlError(format!("must be 1 to {max} of A-Z, a-z, 0-9 and \"{extra}\"")))
    }
}

impl Segment {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Origin {
    /// Parses `https://host[:port]`; plain http as far as `plain` allows. Nothing may follow the port.
    pub fn parse(text: &str, plain: Plain) -> Result<Self, UrlError> {
        let url = Url::parse(text).map_err(|_malformed| expected("must be a URL such as https://host"))?;
        match (url.scheme(), plain) {
            ("https", _) => {}
            ("http", Plain::Loopback) if is_loopback(&url) => {}
            ("http", Plain::Loopback) => {
                return Err(expected(
                    "may be http only to this machine (127.0.0.1, ::1, localhost): use https",
                ));
            }
            ("http", Plain::Never) => {
                return Err(expected(
                    "must be https; http is only for environment \"sandbox\" on this machine",
                ));
            }
            _ => return Err(expected("must begin with https://")),
        }
        let bare = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        if !bare || url.query().is_some() || url.fragment().is_some() || !has_plain_host(&url) {
            return Err(expected("must be only scheme, host and port, for example https://host:8443"));
        }
        Ok(Self(url))
    }

    /// Host, and port where it is not the scheme's own.
    pub fn authority(&self) -> &str {
        self.0.authority()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.authority())
    }
}

impl Base {
    /// Parses `https://host[:port][/path]`; plain http as far as `plain` allows.
    pub fn parse(text: &str, plain: Plain) -> Result<Self, UrlError> {
        let host = text.find("://").map_or(0, |scheme| scheme + "://".len());
        let end = text[host..].find('/').map_or(text.len(), |slash| host + slash);
        let prefix = text[end..].trim_end_matches('/');
        if !prefix.is_empty() && PathTemplate::parse(prefix)?.places().next().is_some() {
            return Err(expected("the path must have no places"));
        }
        Ok(Self { origin: Origin::parse(&text[..end], plain)?, prefix: prefix.to_owned() })
    }

    /// The template of `path`, which is relative to the API.
    pub fn path(&self, path: &str) -> Result<PathTemplate, UrlError> {
        PathTemplate::parse(&format!("{}{path}", self.prefix))
    }
}

impl PathTemplate {
    /// Parses a path whose segments are plain words or places such as `{customer}`.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        const WORD: Alphabet = Alphabet::letters_digits_and("-._~", 255);
        let Some(path) = text.strip_prefix('/') else {
            return Err(expected("the path must begin with /"));
        };
        let mut parts = Vec::new();
        for part in path.split('/') {
            let place = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            let word = WORD.segment(place.unwrap_or(part));
            let word =
                word.map_err(|_odd| expected("each part of the path must be a plain word or a {place}"))?;
            parts.push(if place.is_some() { Part::Place(word.0) } else { Part::Literal(word.0) });
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of its places, in order.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// The URL on `origin` with `values` in its places. Every place needs a value.
    pub fn fill(&self, origin: &Origin, values: &[(&str, &Segment)]) -> Result<Target, UrlError> {
        let mut segments = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            segments.push(match part {
                Part::Literal(word) => word.as_str(),
                Part::Place(name) => {
                    let value = values.iter().find(|(place, _)| place == name);
                    value.ok_or_else(|| UrlError(format!("has no value for {{{name}}}")))?.1.as_str()
                }
            });
        }
        let mut url = origin.0.clone();
        url.set_path(&segments.join("/"));
        // What the parser made of it must be what was put in: nothing was encoded, dropped or moved.
        let kept = url.path_segments().is_some_and(|found| found.eq(segments));
        let stayed = url.origin() == origin.0.origin() && url.authority() == origin.authority();
        if kept && stayed && url.query().is_none() && url.fragment().is_none() {
            return Ok(Target { url, template: self.text.clone() });
        }
        Err(expected("a value changed the shape of the URL"))
    }
}

impl Target {
    /// The URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The same with one parameter more. Both are words of the connector.
    #[must_use]
    pub fn with_parameter(mut self, name: &'static str, value: &'static str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// The same with one parameter more, whose value is a list of words joined by commas.
    #[must_use]
    pub fn with_words(mut self, name: &'static str, words: &[Segment]) -> Self {
        let words: Vec<_> = words.iter().map(Segment::as_str).collect();
        let query = self.url.query().map(|query| format!("{query}&")).unwrap_or_default();
        self.url.set_query(Some(&format!("{query}{name}={}", words.join(","))));
        self
    }

    /// The template of its path: what logs and traces may show.
    pub fn template(&self) -> &str {
        &self.template
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.template).finish()
    }
}

fn expected(sentence: &str) -> UrlError {
    UrlError(sentence.to_owned())
}

/// The URL standard lets a name hold characters such as `{`, which no server has: most likely a forgotten place.
fn has_plain_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => Ipv4Addr::is_loopback(&address),
        Some(Host::Ipv6(address)) => Ipv6Addr::is_loopback(&address),
        None => false,
    }
}

/// `text` as a link that may be handed to a person: https, or as far as `plain` allows http; without credentials.
pub fn link(text: &str, plain: Plain) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let safe =
        url.scheme() == "https" || (plain == Plain::Loopback && url.scheme() == "http" && is_loopback(&url));
    let bare = url.username().is_empty() && url.password().is_none() && text.len() <= 2048;
    (safe && bare && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}
