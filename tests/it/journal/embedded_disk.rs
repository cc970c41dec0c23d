//! What the embedded journal keeps on disk, and how fast and how rarely it syncs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use idv_gateway::journal::cursor::{CursorError, encode, resolve};
use idv_gateway::journal::embedded::{EmbeddedJournal, EmbeddedOptions};
use idv_gateway::journal::seal::SealedItem;
use idv_gateway::journal::{Batch, DeliveryChange, Journal, JournalError, Order, RequestChange, RequestKey};
use idv_gateway::model::filter::Filter;
use idv_gateway::model::record_filter::RecordFilter;
use idv_gateway::proto::{Event, IdentificationState};

use super::checker::read_all;
use super::fixture::{
    OnDisk, RETENTION, any_event, bank, create, delivery, events, fresh, identification, job, record,
    schedule, start,
};
use super::rules_lists::{changed, elsewhere, query, tombstone};
use super::rules_records::creates;
use super::rules_sealed::item;
use super::rules_subscriptions::{assert_fenced, named, new, place, settings, wish};

#[tokio::test]
async fn reopening_keeps_everything() {
    let disk = OnDisk::new();
    let journal = disk.open();
    let (name, delivery) = (identification(), delivery());
    let key = RequestKey { caller: "anonymous".to_owned(), method: "/m", request_id: fresh() };
    let batch = || Batch {
        events: vec![any_event(), any_event()],
        records: vec![create(record(&name, 1))],
        deliveries: vec![DeliveryChange::Put(delivery.clone())],
        requests: vec![RequestChange::Begin {
            key: key.clone(),
            payload_mac: [1; 32],
            subject: name.to_string(),
        }],
        seal: vec![item("one")],
        schedule: vec![job("one", Duration::ZERO)],
        dedupe: Some(("once".to_owned(), Duration::from_secs(60))),
        ..Batch::default()
    };
    let place = journal.append(batch()).await.unwrap().place;
    let before = read_all(&*journal, 10).await;
    let (epoch, mac) = (journal.identity().epoch, journal.identity().key.mac("test", b"bytes"));
    let cursor = encode(journal.identity(), place);
    assert_eq!(journal.claim(start(), 1, Duration::from_secs(60)).await.unwrap().len(), 1);
    journal.close().await;

    let journal = disk.open();
    assert_eq!(*journal.watch_head().borrow(), 2);
    assert_eq!(read_all(&*journal, 10).await, before);
    assert_eq!(journal.identity().epoch, epoch);
    assert_eq!(journal.identity().key.mac("test", b"bytes"), mac);
    assert_eq!(resolve(&*journal, &cursor).await.unwrap(), place);
    assert_eq!(journal.record(&name).await.unwrap(), Some(record(&name, 1)));
    assert_eq!(journal.delivery(&delivery.name).await.unwrap(), Some(delivery.clone()));
    let like = journal.deliveries_like(&bank(), delivery.body_sha256).await.unwrap();
    assert_eq!(like, std::slice::from_ref(&delivery));
    assert!(journal.request(&key).await.unwrap().is_some());
    assert_eq!(journal.sealed("one").await.unwrap(), Some(item("one")));
    let again = journal.append(batch()).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.place, place);
    // Whoever held it is gone.
    assert_eq!(journal.claim(start(), 1, Duration::from_secs(60)).await.unwrap()[0].id, "one");
    assert_eq!(journal.append(events(vec![any_event()])).await.unwrap().place.position, 3);
}

#[tokio::test]
async fn a_restart_frees_shards_and_keeps_tokens_and_places() {
    let disk = OnDisk::new();
    let journal = disk.open();
    journal.subscriptions().create(new("ledger", 2)).await.unwrap();
    let before = journal.subscriptions().acquire(wish("ledger", Some(0), start())).await.unwrap().lease;
    let other = journal.subscriptions().acquire(wish("ledger", Some(1), start())).await.unwrap().lease;
    journal.subscriptions().commit(&before, place(7), start()).await.unwrap();
    journal.close().await;

    let journal = disk.open();
    let on = journal.subscriptions();
    // What the consumer had done before it lost its stream is not to be done again.
    assert_eq!(on.commit(&before, place(8), start()).await.unwrap(), place(8));
    let leased = on.acquire(wish("ledger", Some(0), start())).await.unwrap();
    assert_eq!(leased.committed, place(8));
    assert!(leased.lease.token > other.token);
    assert_fenced(on.commit(&before, place(9), start()).await);
    let shown = on.get(&named("ledger")).await.unwrap().unwrap();
    assert_eq!(shown.settings, settings());
}

#[tokio::test]
async fn a_time_before_what_is_kept_leads_nowhere() {
    let disk = OnDisk::new();
    let journal = disk.open();
    let first = disk.clock.now();
    for _ in 0..5 {
        journal.append(events(vec![any_event()])).await.unwrap();
        disk.time.advance(Duration::from_secs(1));
    }
    let third = journal.place(3).await.unwrap();
    // The third is as old as the retention, to the millisecond.
    journal.sweep(first + Duration::from_secs(2) + RETENTION).await.unwrap();
    let after = |seconds| first + Duration::from_secs(seconds);
    // The second may have been recorded when the third was, for all that is left of it.
    for seconds in 0..=2 {
        assert_eq!(journal.before(after(seconds)).await.unwrap(), None, "{seconds}");
    }
    assert_eq!(journal.before(after(3)).await.unwrap(), third);
    assert_eq!(journal.before(after(9)).await.unwrap().unwrap().position, 5);
}

#[tokio::test]
async fn record_time_does_not_go_back_over_a_restart() {
    let disk = OnDisk::new();
    let journal = disk.open();
    journal.append(events(vec![any_event()])).await.unwrap();
    drop(journal);
    disk.time.set_back(Duration::from_secs(3600));
    let journal = disk.open();
    journal.append(events(vec![any_event()])).await.unwrap();
    let read = read_all(&*journal, 10).await;
    assert_eq!(read[0].1.record_time, read[1].1.record_time);
}

#[tokio::test]
async fn dropping_finishes_what_was_queued() {
    let disk = OnDisk::new();
    let journal = disk.open();
    let appends = (0..32).map(|_| {
        let journal = Arc::clone(&journal);
        async move { journal.append(events(vec![any_event()])).await }
    });
    // Polled once: every batch is queued, nobody waits for the answers.
    let mut all = Box::pin(futures::future::join_all(appends));
    let _pending = futures::poll!(&mut all);
    drop(all);
    drop(journal);
    let journal = disk.open();
    assert_eq!(journal.read(0, &Filter::default(), 0).await.unwrap().head, 32);
}

/// The files as a crash leaves them, but for the last `torn` bytes of the write-ahead log.
fn crash(disk: &OnDisk, torn: u64) -> OnDisk {
    let image = OnDisk::new();
    fs::create_dir_all(image.path().parent().unwrap()).unwrap();
    fs::copy(disk.path(), image.path()).unwrap();
    let wal = image.path().with_extension("db-wal");
    fs::copy(disk.path().with_extension("db-wal"), &wal).unwrap();
    let file = fs::File::options().write(true).open(wal).unwrap();
    file.set_len(file.metadata().unwrap().len() - torn).unwrap();
    image
}

#[tokio::test]
async fn a_crash_loses_nothing_that_was_acknowledged() {
    let disk = OnDisk::new();
    let journal = disk.open();
    for _ in 0..20 {
        journal.append(events(vec![any_event()])).await.unwrap();
    }
    let before = read_all(&*journal, 100).await;
    let image = crash(&disk, 0);
    let after = image.open();
    assert_eq!(read_all(&*after, 100).await, before);
    assert_eq!(after.append(events(vec![any_event()])).await.unwrap().place.position, 21);
}

#[tokio::test]
async fn a_torn_commit_is_dropped_whole() {
    let disk = OnDisk::new();
    let journal = disk.open();
    let name = identification();
    journal.append(events(vec![any_event()])).await.unwrap();
    let torn = Batch { records: vec![create(record(&name, 1))], ..events(vec![any_event(), any_event()]) };
    journal.append(torn).await.unwrap();
    let before = read_all(&*journal, 100).await;
    let image = crash(&disk, 100);
    let after = image.open();
    assert_eq!(read_all(&*after, 100).await, before[..1]);
    assert_eq!(after.record(&name).await.unwrap(), None);
    assert_eq!(after.append(events(vec![any_event()])).await.unwrap().place.position, 2);
}

#[tokio::test]
async fn a_restored_copy_is_noticed_although_it_has_the_same_epoch() {
    let disk = OnDisk::new();
    let journal = disk.open();
    let shared = journal.append(events(vec![any_event()])).await.unwrap().place;
    let image = crash(&disk, 0);
    let copy = image.open();
    assert_eq!(copy.identity().epoch, journal.identity().epoch);
    let lost = journal.append(events(vec![any_event()])).await.unwrap().place;
    let (shared, lost) = (encode(journal.identity(), shared), encode(journal.identity(), lost));
    let refused = resolve(&*copy, &lost).await;
    assert!(matches!(refused, Err(CursorError::EpochMismatch)), "{refused:?}");
    // Another event at the same position is no better than none.
    copy.append(events(vec![any_event()])).await.unwrap();
    let refused = resolve(&*copy, &lost).await;
    assert!(matches!(refused, Err(CursorError::EpochMismatch)), "{refused:?}");
    assert_eq!(resolve(&*copy, &shared).await.unwrap().position, 1);
}

#[tokio::test]
async fn a_closed_journal_refuses() {
    let disk = OnDisk::new();
    let journal = disk.open();
    journal.close().await;
    journal.close().await;
    let refused = journal.append(events(vec![any_event()])).await.map(drop);
    assert!(matches!(refused, Err(JournalError::Unavailable(_))), "{refused:?}");
    let refused = journal.read(0, &Filter::default(), 1).await.map(drop);
    assert!(matches!(refused, Err(JournalError::Unavailable(_))), "{refused:?}");
    // The files are free although the value still lives.
    disk.open().health().await.unwrap();
}

#[tokio::test]
async fn concurrent_appends_share_commits() {
    let disk = OnDisk::new();
    let options = EmbeddedOptions { busy_timeout: Duration::from_secs(30), ..disk.options() };
    let journal = EmbeddedJournal::open(options).unwrap();
    let other = disk.other_connection();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let appends = (0..64).map(|_| journal.append(events(vec![any_event()])));
    // The first group waits for the lock while the rest gathers behind it.
    let unlock = async { other.execute_batch("ROLLBACK").unwrap() };
    let (appended, ()) = futures::join!(futures::future::try_join_all(appends), unlock);
    assert_eq!(appended.unwrap().len(), 64);
    assert!(journal.commits() <= 2, "64 appends took {} commits", journal.commits());
    assert_eq!(read_all(&*journal, 100).await.len(), 64);
}

#[tokio::test]
async fn a_conflict_does_not_fail_its_group() {
    let disk = OnDisk::new();
    let options = EmbeddedOptions { busy_timeout: Duration::from_secs(30), ..disk.options() };
    let journal = EmbeddedJournal::open(options).unwrap();
    let name = identification();
    let other = disk.other_connection();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let appends = (0..10).map(|_| {
        let creates = vec![create(record(&name, 1))];
        journal.append(Batch { records: creates, ..events(vec![any_event()]) })
    });
    let appends = appends.chain((0..10).map(|_| journal.append(events(vec![any_event()]))));
    let unlock = async { other.execute_batch("ROLLBACK").unwrap() };
    let (outcomes, ()) = futures::join!(futures::future::join_all(appends), unlock);
    let conflicts =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(JournalError::Conflict(_)))).count();
    assert_eq!(conflicts, 9);
    let positions: Vec<_> = outcomes.iter().flatten().map(|appended| appended.place.position).collect();
    assert_eq!(positions, (1..=11).collect::<Vec<_>>());
    assert_eq!(read_all(&*journal, 100).await.len(), 11);
    assert!(journal.commits() <= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_checkpointed_on_the_way() {
    let disk = OnDisk::new();
    let journal = disk.open();
    let wal = disk.path().with_extension("db-wal");
    let large = || Event { external_reference: "x".repeat(64 << 10), ..any_event() };
    // 32 MiB in all, against about 4 MiB that wait for a checkpoint.
    for _ in 0..512 {
        journal.append(events(vec![large()])).await.unwrap();
    }
    let size = fs::metadata(wal).unwrap().len();
    assert!(size < 12 << 20, "{size} bytes in the write-ahead log");
    assert_eq!(read_all(&*journal, 100).await.len(), 512);
}

/// Whether one of the journal's files holds `bytes`.
fn is_on_disk(disk: &OnDisk, bytes: &[u8]) -> bool {
    let files = fs::read_dir(disk.path().parent().unwrap()).unwrap();
    let mut contents = files.map(|entry| fs::read(entry.unwrap().path()).unwrap());
    contents.any(|content| content.windows(bytes.len()).any(|window| window == bytes))
}

#[tokio::test]
async fn a_shredded_key_is_in_no_file_any_more() {
    let disk = OnDisk::new();
    let journal = disk.open();
    let key = b"thirty-two bytes that are a key!";
    let sealed = || SealedItem { wrapped_key: key.to_vec(), ..item("one") };
    let seal = || Batch { seal: vec![sealed()], ..Batch::default() };
    let erase = || Batch { erase: sealed().owners, ..Batch::default() };
    journal.append(seal()).await.unwrap();
    assert!(is_on_disk(&disk, key));
    journal.append(erase()).await.unwrap();
    assert!(!is_on_disk(&disk, key));

    // Who reads meanwhile keeps the log from being emptied; it is as soon as they are done.
    journal.append(seal()).await.unwrap();
    let other = disk.other_connection();
    other.execute_batch("BEGIN; SELECT count(*) FROM sealed_keys").unwrap();
    journal.append(erase()).await.unwrap();
    assert!(is_on_disk(&disk, key));
    other.execute_batch("ROLLBACK").unwrap();
    for _ in 0..2 {
        journal.health().await.unwrap();
    }
    assert!(!is_on_disk(&disk, key));
}

#[tokio::test]
async fn what_is_lost_does_not_pass_for_what_was_removed() {
    let disk = OnDisk::new();
    let journal = disk.open();
    journal.append(events((0..5).map(|_| any_event()).collect())).await.unwrap();
    journal.sweep(start() + 2 * RETENTION).await.unwrap();
    let removed = journal.place(4).await.unwrap();
    journal.append(events(vec![any_event(), any_event()])).await.unwrap();
    journal.close().await;
    let journal = disk.open();
    let page = journal.read(0, &Filter::default(), 10).await.unwrap();
    assert_eq!((page.low_water, page.head, page.entries.len()), (4, 7, 3));
    assert_eq!(journal.place(4).await.unwrap(), removed);
    disk.other_connection().execute("DELETE FROM entries WHERE position = 5", ()).unwrap();
    let lost = journal.read(0, &Filter::default(), 10).await;
    assert!(matches!(lost, Err(JournalError::Damaged(_))), "{lost:?}");
}

#[tokio::test]
async fn files_are_private() {
    let disk = OnDisk::new();
    let journal = disk.open();
    journal.append(schedule(vec![job("one", Duration::ZERO)])).await.unwrap();
    let folder = disk.path().parent().unwrap().to_owned();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_list_finds_a_few_among_many_without_looking_at_all() {
    let disk = OnDisk::new();
    let journal = disk.open();
    let time = start() + Duration::from_secs(60);
    let mut wanted = changed(|record| {
        record.identification.external_reference = "order-8".to_owned();
        record.identification.update_time = Some(time.into());
    });
    wanted.name.connection = elsewhere();
    let ids = wanted.identification.vendor_reference.clone().unwrap();
    // More than one list looks at.
    let mut records: Vec<_> = (0..5000).map(|_| tombstone()).collect();
    records.push(wanted.clone());
    journal.append(creates(records)).await.unwrap();
    let all = || RecordFilter { show_deleted: true, ..RecordFilter::default() };
    let filters = [
        RecordFilter { connections: [elsewhere()].into(), ..all() },
        RecordFilter { states: [IdentificationState::AwaitingUser].into(), ..all() },
        RecordFilter { external_references: ["order-8".to_owned()].into(), ..all() },
        RecordFilter { vendor_ids: [ids.id.to_ascii_lowercase()].into(), ..all() },
        RecordFilter { vendor_ids: [ids.reference].into(), ..all() },
        RecordFilter { updated_from: Some(time), ..all() },
        // Much is left by one condition, and little by another.
        RecordFilter {
            external_references: ["order-7".to_owned(), "order-8".to_owned()].into(),
            updated_from: Some(time),
            ..all()
        },
    ];
    for filter in filters {
        let page = journal.list(&query(filter.clone(), Order::OldestFirst, 10)).await.unwrap();
        assert_eq!((page.records.as_slice(), page.next), (&[wanted.clone()][..], None), "{filter:?}");
    }
}
