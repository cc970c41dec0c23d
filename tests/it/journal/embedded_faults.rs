//! The embedded journal when its disk is full, its file locked, damaged, held or not its own.

use std::error::Error as _;
use std::time::Duration;

use idv_gateway::journal::embedded::{EmbeddedJournal, EmbeddedOptions, OpenError};
use idv_gateway::journal::{Batch, Journal, JournalError, Order};
use idv_gateway::model::filter::Filter;
use idv_gateway::model::record_filter::RecordFilter;
use idv_gateway::proto::Event;

use super::checker::read_all;
use super::fixture::{OnDisk, any_event, create, events, identification, record};
use super::rules_lists::query;

fn large() -> Batch {
    events(vec![Event { external_reference: "x".repeat(64 << 10), ..any_event() }])
}

#[track_caller]
fn open_error(options: EmbeddedOptions) -> String {
    let error = EmbeddedJournal::open(options).map(drop).unwrap_err();
    let source = error.source().unwrap_or_else(|| panic!("{error:?} has no source"));
    assert!(source.is::<OpenError>(), "{source:?}");
    source.to_string()
}

#[tokio::test]
async fn a_full_journal_says_so_and_recovers() {
    let disk = OnDisk::new();
    let journal = disk.open();
    journal.append(events(vec![any_event()])).await.unwrap();
    journal.limit_size(Some(0)).await.unwrap();
    let mut written = 1;
    let full = loop {
        match journal.append(large()).await {
            Ok(_appended) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100, "the limit does not limit");
    };
    assert!(matches!(full, JournalError::Full), "{full:?}");
    let health = journal.health().await;
    assert!(matches!(health, Err(JournalError::Full)), "{health:?}");
    assert_eq!(read_all(&*journal, 10).await.len(), written);

    journal.limit_size(None).await.unwrap();
    journal.health().await.unwrap();
    let next = journal.append(large()).await.unwrap();
    assert_eq!(next.place.position, written as u64 + 1);
    assert_eq!(read_all(&*journal, 10).await.len(), written + 1);
}

#[tokio::test]
async fn a_batch_without_room_does_not_fail_its_neighbours() {
    let disk = OnDisk::new();
    let options = EmbeddedOptions { busy_timeout: Duration::from_secs(30), ..disk.options() };
    let journal = EmbeddedJournal::open(options).unwrap();
    journal.append(events(vec![any_event()])).await.unwrap();
    journal.limit_size(Some(0)).await.unwrap();
    let other = disk.other_connection();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let appends = [
        journal.append(events(vec![any_event()])),
        journal.append(events(vec![any_event()])),
        journal.append(large()),
        journal.append(events(vec![any_event()])),
    ];
    let unlock = async { other.execute_batch("ROLLBACK").unwrap() };
    let (outcomes, ()) = futures::join!(futures::future::join_all(appends), unlock);
    let positions: Vec<_> =
        outcomes.iter().map(|outcome| outcome.as_ref().ok().map(|done| done.place.position)).collect();
    assert_eq!(positions, [Some(2), Some(3), None, Some(4)]);
    assert!(matches!(outcomes[2], Err(JournalError::Full)));
    assert_eq!(read_all(&*journal, 10).await.len(), 4);
}

#[tokio::test]
async fn the_limit_holds_from_the_start() {
    let disk = OnDisk::new();
    disk.open().close().await;
    let options = EmbeddedOptions { max_size: Some(1), ..disk.options() };
    let journal = EmbeddedJournal::open(options).unwrap();
    assert!(matches!(journal.append(large()).await, Err(JournalError::Full)));
}

#[tokio::test]
async fn a_locked_journal_is_unavailable_and_recovers() {
    let disk = OnDisk::new();
    let journal = disk.open();
    journal.append(events(vec![any_event()])).await.unwrap();
    let other = disk.other_connection();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let refused = futures::future::join_all((0..3).map(|_| journal.append(events(vec![any_event()])))).await;
    for outcome in refused {
        assert!(matches!(outcome, Err(JournalError::Unavailable(_))), "{outcome:?}");
    }
    assert!(matches!(journal.health().await, Err(JournalError::Unavailable(_))));
    // Readers do not need the lock.
    assert_eq!(read_all(&*journal, 10).await.len(), 1);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(journal.append(events(vec![any_event()])).await.unwrap().place.position, 2);
    journal.health().await.unwrap();
}

#[tokio::test]
async fn altered_entries_are_damaged_and_never_returned() {
    for alteration in [
        "UPDATE entries SET bytes = CAST(bytes || x'0a00' AS BLOB) WHERE position = 2",
        "UPDATE entries SET checksum = zeroblob(16) WHERE position = 2",
        "UPDATE entries SET checksum = x'00' WHERE position = 2",
        "UPDATE entries SET bytes = (SELECT bytes FROM entries WHERE position = 3), \
         checksum = (SELECT checksum FROM entries WHERE position = 3) WHERE position = 2",
        "DELETE FROM entries WHERE position = 2",
    ] {
        let disk = OnDisk::new();
        let journal = disk.open();
        journal.append(events(vec![any_event(), any_event(), any_event()])).await.unwrap();
        assert_eq!(disk.other_connection().execute(alteration, ()).unwrap(), 1);
        let read = journal.read(0, &Filter::default(), 10).await;
        assert!(matches!(read, Err(JournalError::Damaged(_))), "{alteration}: {read:?}");
        let place = journal.place(2).await;
        assert!(!matches!(place, Ok(Some(_))), "{alteration}: {place:?}");
        // What is sound can still be read.
        assert_eq!(journal.read(0, &Filter::default(), 1).await.unwrap().entries.len(), 1);
    }
}

#[tokio::test]
async fn a_flipped_bit_is_damage() {
    let disk = OnDisk::new();
    let journal = disk.open();
    journal.append(events(vec![any_event()])).await.unwrap();
    let other = disk.other_connection();
    let bytes: Vec<u8> = other.query_row("SELECT bytes FROM entries", (), |row| row.get(0)).unwrap();
    for index in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[index] ^= 0x10;
        other.execute("UPDATE entries SET bytes = ?1", [&flipped]).unwrap();
        let read = journal.read(0, &Filter::default(), 10).await;
        assert!(matches!(read, Err(JournalError::Damaged(_))), "byte {index}: {read:?}");
    }
    other.execute("UPDATE entries SET bytes = ?1", [&bytes]).unwrap();
    assert_eq!(read_all(&*journal, 10).await.len(), 1);
}

#[tokio::test]
async fn altered_records_are_damaged() {
    let name = identification();
    for alteration in [
        "UPDATE records SET identification = CAST(identification || x'0a00' AS BLOB)",
        "UPDATE records SET memory = x''",
        "UPDATE records SET version = 2",
    ] {
        let disk = OnDisk::new();
        let journal = disk.open();
        journal.append(Batch { records: vec![create(record(&name, 1))], ..Batch::default() }).await.unwrap();
        assert_eq!(disk.other_connection().execute(alteration, ()).unwrap(), 1);
        let query = query(RecordFilter::default(), Order::OldestFirst, 10);
        let listed = journal.list(&query).await;
        assert!(matches!(listed, Err(JournalError::Damaged(_))), "{alteration}: {listed:?}");
        match journal.record(&name).await {
            Err(JournalError::Damaged(place)) => assert_eq!(place, name.to_string()),
            other => panic!("{alteration}: damage was expected: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_held_journal_is_not_opened_twice() {
    let disk = OnDisk::new();
    let journal = disk.open();
    assert!(open_error(disk.options()).contains("is open in another process"));
    journal.append(events(vec![any_event()])).await.unwrap();
    drop(journal);
    assert_eq!(read_all(&*disk.open(), 10).await.len(), 1);
}

#[tokio::test]
async fn a_newer_journal_is_refused() {
    let disk = OnDisk::new();
    disk.open().close().await;
    disk.other_connection().pragma_update(None, "user_version", 99).unwrap();
    let error = open_error(disk.options());
    assert!(error.contains("format 99"), "{error}");
}

#[tokio::test]
async fn a_foreign_database_is_refused_and_left_alone() {
    let disk = OnDisk::new();
    std::fs::create_dir_all(disk.path().parent().unwrap()).unwrap();
    let other = disk.other_connection();
    other.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    drop(other);
    let before = std::fs::read(disk.path()).unwrap();
    assert!(open_error(disk.options()).contains("is not a journal of idv-gateway"));
    assert_eq!(std::fs::read(disk.path()).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_database_is_damaged() {
    let disk = OnDisk::new();
    std::fs::create_dir_all(disk.path().parent().unwrap()).unwrap();
    std::fs::write(disk.path(), "not a database, but long enough to have a header ".repeat(50)).unwrap();
    let opened = EmbeddedJournal::open(disk.options()).map(drop);
    assert!(matches!(opened, Err(JournalError::Damaged(_))), "{opened:?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let disk = OnDisk::new();
    std::fs::write(disk.folder.path().join("made"), "a file, where a folder is needed").unwrap();
    assert!(open_error(disk.options()).contains("made/by"));
}
