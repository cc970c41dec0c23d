//! Cursors: they lead back to their place, or say exactly why they do not.

use std::sync::Arc;

use idv_gateway::clock::Clock;
use idv_gateway::journal::cursor::{CursorError, CursorKey, encode, resolve};
use idv_gateway::journal::{Identity, Journal, Place};

use super::checker::truncated;
use super::fixture::{Fixture, any_event, events};

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Three events; the place of the second.
async fn second(journal: &dyn Journal) -> Place {
    journal.append(events(vec![any_event(), any_event(), any_event()])).await.unwrap();
    journal.place(2).await.unwrap().unwrap()
}

async fn refusal(journal: &dyn Journal, cursor: &str) -> CursorError {
    resolve(journal, cursor).await.unwrap_err()
}

pub(super) async fn a_cursor_leads_back_to_its_place(fixture: Fixture) {
    let journal = &*fixture.journal;
    let beginning = encode(journal.identity(), Place::default());
    assert_eq!(resolve(journal, &beginning).await.unwrap(), Place::default());
    second(journal).await;
    assert_eq!(resolve(journal, &beginning).await.unwrap(), Place::default());
    for position in 1..=3 {
        let place = journal.place(position).await.unwrap().unwrap();
        let cursor = encode(journal.identity(), place);
        assert_eq!(resolve(journal, &cursor).await.unwrap(), place);
        assert_eq!(cursor.len(), 50);
        assert!(cursor.chars().all(|letter| ALPHABET.contains(letter)), "{cursor}");
    }
}

pub(super) async fn a_cursor_of_another_key_is_malformed(fixture: Fixture) {
    let journal = &*fixture.journal;
    let place = second(journal).await;
    let key = CursorKey::new(Clock::system().random());
    let cursor = encode(&Identity { key, ..journal.identity().clone() }, place);
    assert!(matches!(refusal(journal, &cursor).await, CursorError::Malformed));
}

pub(super) async fn a_cursor_of_another_epoch_is_told_apart(fixture: Fixture) {
    let journal = &*fixture.journal;
    let place = second(journal).await;
    let cursor = encode(&Identity { epoch: Clock::system().uuid(), ..journal.identity().clone() }, place);
    assert!(matches!(refusal(journal, &cursor).await, CursorError::EpochMismatch));
}

pub(super) async fn a_cursor_beyond_the_head_is_of_another_epoch(fixture: Fixture) {
    let journal = &*fixture.journal;
    let place = second(journal).await;
    for position in [4, u64::MAX] {
        let cursor = encode(journal.identity(), Place { position, ..place });
        assert!(matches!(refusal(journal, &cursor).await, CursorError::EpochMismatch), "{position}");
    }
}

pub(super) async fn a_cursor_of_another_entry_is_of_another_epoch(fixture: Fixture) {
    let journal = &*fixture.journal;
    let place = second(journal).await;
    let mut check = place.check;
    check[3] ^= 1;
    for other in [Place { check, ..place }, Place { position: 0, check }] {
        let cursor = encode(journal.identity(), other);
        assert!(matches!(refusal(journal, &cursor).await, CursorError::EpochMismatch), "{other:?}");
    }
}

pub(super) async fn an_altered_cursor_is_malformed(fixture: Fixture) {
    let journal = &*fixture.journal;
    let cursor = encode(journal.identity(), second(journal).await);
    let mut altered = vec![String::new(), "=".to_owned(), cursor.replace('_', "/"), format!(" {cursor}")];
    altered.retain(|text| *text != cursor);
    altered.extend([format!("{cursor}A"), format!("{cursor}=="), cursor.repeat(2), cursor.repeat(10_000)]);
    for (index, original) in cursor.char_indices() {
        altered.push(cursor[..index].to_owned());
        for letter in ALPHABET.chars().filter(|letter| *letter != original) {
            altered.push(format!("{}{letter}{}", &cursor[..index], &cursor[index + 1..]));
        }
    }
    for text in altered {
        let outcome = resolve(journal, &text).await;
        assert!(matches!(outcome, Err(CursorError::Malformed)), "{text} gives {outcome:?}");
    }
}

pub(super) async fn a_cursor_below_low_water_is_expired(fixture: Fixture) {
    let place = second(&*fixture.journal).await;
    let first = encode(fixture.journal.identity(), fixture.journal.place(1).await.unwrap().unwrap());
    let second = encode(fixture.journal.identity(), place);
    let journal = truncated(Arc::clone(&fixture.journal), 2);
    let CursorError::Expired { earliest } = refusal(&*journal, &first).await else {
        panic!("an expired cursor was expected");
    };
    assert_eq!(resolve(&*journal, &earliest).await.unwrap().position, 2);
    // The oldest place that works, although its entry is gone.
    assert_eq!(resolve(&*journal, &second).await.unwrap(), place);
}
