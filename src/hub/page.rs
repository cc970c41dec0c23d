//! Pages of lists: how large they are, and tokens that lead to the next one.
//!
//! A token is base64url without padding of: version (1 byte), what the list was asked for (8), a keyed check over all
//! the rest (16), and the place to go on behind. It goes with the request it was handed out for: the same token in
//! another list would skip or repeat without a word.

use std::fmt::Display;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::error::{Error, Result, Violation};
use crate::hub::Hub;
use crate::journal::cursor::CursorKey;
use crate::model::validate::Checks;

const VERSION: u8 = 1;
const DEFAULT_SIZE: usize = 100;
const LARGEST_SIZE: usize = 1000;
/// Longer tokens are refused before any work is spent on them.
const LONGEST_TOKEN: usize = 256;

/// The size of a page that was asked for with `page_size`.
pub(super) fn size(page_size: i32, checks: &mut Checks) -> usize {
    match usize::try_from(page_size) {
        Ok(0) => DEFAULT_SIZE,
        Ok(size) if size <= LARGEST_SIZE => size,
        Ok(_) | Err(_) => {
            checks.refuse("page_size", format!("must be 1 to {LARGEST_SIZE}, or 0 for {DEFAULT_SIZE}"));
            DEFAULT_SIZE
        }
    }
}

/// What follows the last slash of a name: the place of a thing among those of one parent.
pub(super) fn last_part(name: &str) -> String {
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

impl Hub {
    /// Reads what a list is asked for with that the vendor hands out whole: whose things it has, and which page of them,
    /// by its size and token.
    pub(super) fn named_page<N: Hash>(
        &self,
        operation: &'static str,
        (page_size, page_token): (i32, &str),
        parent: impl FnOnce(&mut Checks) -> Option<N>,
    ) -> Result<(N, NamedPage<'_>)> {
        let mut checks = Checks::default();
        let parent = parent(&mut checks);
        let size = size(page_size, &mut checks);
        let Some(parent) = parent else { return Err(checks.refused(operation)) };
        checks.finish(operation)?;
        let pages = Pages::new(&self.journal.identity().key, operation, &parent);
        let after = pages.after(page_token)?;
        Ok((parent, NamedPage { pages, after, size }))
    }
}

/// A page of a list that the vendor hands out whole, in order of its things' names.
pub(super) struct NamedPage<'a> {
    pages: Pages<'a>,
    after: Option<String>,
    size: usize,
}

impl NamedPage<'_> {
    /// This page of `things`, and the token that leads behind it.
    pub(super) fn of<T>(self, mut things: Vec<T>, name: impl Fn(&T) -> &str) -> (Vec<T>, String) {
        let place = |thing: &T| last_part(name(thing));
        things.sort_by_key(place);
        things.retain(|thing| self.after.as_ref().is_none_or(|after| place(thing) > *after));
        let next_page_token = self.pages.cut(&mut things, self.size, place);
        (things, next_page_token)
    }
}

/// Makes and reads the tokens of one list.
pub(super) struct Pages<'a> {
    key: &'a CursorKey,
    operation: &'static str,
    list: [u8; 8],
}

impl<'a> Pages<'a> {
    /// The pages of the list that `operation` makes with `parameters`: everything in the request that decides which
    /// things are listed and in which order, in a form that is the same for every spelling of the same list.
    pub(super) fn new(key: &'a CursorKey, operation: &'static str, parameters: &impl Hash) -> Self {
        let mut bytes = Bytes::default();
        (operation, parameters).hash(&mut bytes);
        Self { key, operation, list: short(key.mac("page_parameters", &bytes.0)) }
    }

    /// The place that `token` leads behind; `None` for the first page.
    pub(super) fn after<T: FromStr>(&self, token: &str) -> Result<Option<T>> {
        if token.is_empty() {
            return Ok(None);
        }
        let unknown = "must be the next_page_token of an earlier answer, or empty for the first page";
        let other = "belongs to a list with other parameters: repeat the request it came from (page_size may differ), or \
             leave it empty for the first page";
        match self.open(token) {
            Some((list, place)) if list == self.list => {
                place.parse().map(Some).map_err(|_of_another_version| self.refused(unknown))
            }
            Some(_) => Err(self.refused(other)),
            None => Err(self.refused(unknown)),
        }
    }

    /// The token that leads behind `place`.
    pub(super) fn token(&self, place: impl Display) -> String {
        let place = place.to_string();
        let check = self.check(&self.list, place.as_bytes());
        URL_SAFE_NO_PAD.encode([&[VERSION], &self.list[..], &check, place.as_bytes()].concat())
    }

    /// Cuts `items` to one page; the token that leads behind it, empty when it is the last.
    pub(super) fn cut<T, P: Display>(
        &self,
        items: &mut Vec<T>,
        size: usize,
        place: impl Fn(&T) -> P,
    ) -> String {
        let more = items.len() > size;
        items.truncate(size);
        let last = items.last().filter(|_last| more);
        last.map_or_else(String::new, |last| self.token(place(last)))
    }

    fn open(&self, token: &str) -> Option<([u8; 8], String)> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (&version, rest) = bytes.split_first()?;
        let (&list, rest) = rest.split_first_chunk()?;
        let (check, place) = rest.split_first_chunk::<16>()?;
        let made_here = version == VERSION && bool::from(self.check(&list, place).ct_eq(check));
        Some((list, String::from_utf8(place.to_vec()).ok().filter(|_place| made_here)?))
    }

    fn check(&self, list: &[u8; 8], place: &[u8]) -> [u8; 16] {
        short(self.key.mac("page_token", &[&[VERSION], &list[..], place].concat()))
    }

    fn refused(&self, description: &str) -> Error {
        Error::invalid(self.operation, vec![Violation::new("page_token", description)])
    }
}

fn short<const N: usize>(mac: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|index| mac[index])
}

/// What is hashed, as it is: a keyed hash makes something of it.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Never asked.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn key() -> CursorKey {
        CursorKey::new([7; 32])
    }

    #[track_caller]
    fn assert_refused(pages: &Pages<'_>, token: &str, says: &str) {
        let error = pages.after::<u64>(token).unwrap_err();
        assert_eq!(error.kind, Kind::ValidationFailed);
        assert_eq!(error.violations[0].field, "page_token");
        assert!(error.violations[0].description.contains(says), "{}", error.violations[0].description);
    }

    #[test]
    fn a_token_leads_back_to_its_place() {
        let key = key();
        let pages = Pages::new(&key, "list_things", &("bank", [1, 2]));
        assert_eq!(pages.after::<u64>("").unwrap(), None);
        for place in [0, 4096, u64::MAX] {
            let token = pages.token(place);
            assert_eq!(pages.after(&token).unwrap(), Some(place));
            assert!(
                token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                "{token}"
            );
        }
        let longest = "a".repeat(63);
        assert_eq!(pages.after(&pages.token(&longest)).unwrap(), Some(longest));
    }

    #[test]
    fn a_token_goes_with_its_list() {
        let key = key();
        let token = Pages::new(&key, "list_things", &("bank", [1, 2])).token(7);
        for other in [
            Pages::new(&key, "list_others", &("bank", [1, 2])),
            Pages::new(&key, "list_things", &("bank", [1, 3])),
            Pages::new(&key, "list_things", &("tank", [1, 2])),
        ] {
            assert_refused(&other, &token, "belongs to a list with other parameters");
        }
    }

    #[test]
    fn what_was_altered_or_made_elsewhere_is_no_token() {
        let key = key();
        let pages = Pages::new(&key, "list_things", &());
        let bytes = URL_SAFE_NO_PAD.decode(pages.token(7)).unwrap();
        for index in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[index] ^= 1;
            assert_refused(&pages, &URL_SAFE_NO_PAD.encode(altered), "must be the next_page_token");
        }
        let elsewhere = CursorKey::new([8; 32]);
        assert_refused(
            &pages,
            &Pages::new(&elsewhere, "list_things", &()).token(7),
            "must be the next_page_token",
        );
        assert_refused(&pages, &pages.token("no number"), "must be the next_page_token");
        assert_refused(&pages, &pages.token("7".repeat(300)), "must be the next_page_token");
        assert_refused(&pages, "what?", "must be the next_page_token");
    }

    #[test]
    fn sizes_have_a_default_and_a_limit() {
        for (asked, size_of_page, refused) in
            [(0, 100, false), (1, 1, false), (1000, 1000, false), (1001, 100, true), (-1, 100, true)]
        {
            let mut checks = Checks::default();
            assert_eq!(size(asked, &mut checks), size_of_page);
            assert_eq!(checks.finish("list_things").is_err(), refused, "{asked}");
        }
    }
}
