//! `backup`, `restore` and `verify`, beside a gateway that goes on and in its place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use futures::future::join_all;
use idv_gateway::proto::WatchEventsRequest;
use idv_gateway::proto::event_service_client::EventServiceClient;
use idv_gateway::proto::watch_events_request::Start;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::child::{Child, Ended, names, program};
use super::house::{House, next, next_event};

fn command(house: &House, name: &str, files: &[(&str, &Path)]) -> Command {
    let mut command = program();
    command.arg(name).arg("--config").arg(house.config());
    for (option, file) in files {
        command.arg(option).arg(file);
    }
    command
}

async fn run(house: &House, name: &str, files: &[(&str, &Path)]) -> Ended {
    Child::spawn(command(house, name, files)).ended().await
}

#[track_caller]
fn assert_ended(ended: &Ended, code: i32, says: &str) {
    let said = format!("{}\n{}", ended.stdout.join("\n"), ended.stderr.join("\n"));
    assert!(ended.code == Some(code) && said.contains(says), "{code} {says}: {ended:#?}");
}

/// A house whose gateway made `count` identifications and has ended, and a backup of it.
async fn backed_up(count: usize) -> (House, PathBuf, PathBuf) {
    let house = House::build().await;
    let gateway = house.serve().await;
    for _ in 0..count {
        house.create(gateway.doors.channel().await).await;
    }
    gateway.child.signal("TERM");
    gateway.child.ended().await;
    let (file, keys) = (house.path("b.journal"), house.path("b.keys"));
    assert_ended(&run(&house, "backup", &[("--to", &file), ("--keys", &keys)]).await, 0, "backup ok");
    (house, file, keys)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_all_that_was_acknowledged() {
    let house = House::build().await;
    let gateway = house.serve().await;
    let channel = gateway.doors.channel().await;
    let mut acknowledged = join_all((0..8).map(|_| house.create(channel.clone()))).await;
    let (file, keys) = (house.path("b #1?.journal"), house.path("b%20.keys"));
    let files: [(&str, &Path); 2] = [("--to", &file), ("--keys", &keys)];
    let backup = run(&house, "backup", &files);
    let (backup, later) = futures::join!(backup, join_all((0..24).map(|_| house.create(channel.clone()))));
    assert_ended(&backup, 0, "backup ok");
    assert_ended(&run(&house, "verify", &[("--backup", &file)]).await, 0, "verify ok");
    let mut stream = gateway.doors.watch().await;
    let cursor = next(&mut stream).await.unwrap().cursor;
    let mut deep = command(&house, "verify", &[]);
    deep.arg("--deep");
    assert_ended(&Child::spawn(deep).ended().await, 0, "verify ok");
    gateway.child.signal("TERM");
    gateway.child.ended().await;

    // In another place, as after the loss of a disk.
    house.reconfigure(&[("journal.sqlite3", "restored/journal.sqlite3")]);
    let restored = run(&house, "restore", &[("--from", &file), ("--keys", &keys)]).await;
    assert_ended(&restored, 0, "restore ok");
    assert_ended(&run(&house, "verify", &[]).await, 0, "verify ok");
    let again = run(&house, "restore", &[("--from", &file), ("--keys", &keys)]).await;
    assert_ended(&again, 69, "is there");

    let gateway = house.serve().await;
    let mut stream = gateway.doors.watch().await;
    while !acknowledged.is_empty() {
        let event = next_event(&mut stream).await;
        acknowledged.retain(|name| *name != event.identification);
        assert!(acknowledged.is_empty() || !later.contains(&event.identification), "order is kept");
    }
    let request =
        WatchEventsRequest { start: Some(Start::AfterCursor(cursor)), ..WatchEventsRequest::default() };
    let mut client = EventServiceClient::new(gateway.doors.channel().await);
    let refused = match client.watch_events(request).await {
        Err(status) => status,
        Ok(stream) => stream.into_inner().message().await.unwrap_err(),
    };
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let reason = refused.get_details_error_info().unwrap().reason;
    assert_eq!(reason, "CURSOR_EPOCH_MISMATCH");
    house.create(gateway.doors.channel().await).await;
}

#[tokio::test]
async fn keys_and_bodies_are_never_in_one_file_but_the_journal() {
    let (house, ..) = backed_up(1).await;
    let sealed = "INSERT INTO sealed_keys VALUES ('one', 'none', x'0102'); \
         INSERT INTO sealed_owners VALUES ('one', 'somebody'); \
         INSERT INTO sealed_bodies VALUES ('one', 'demobank', 'note', x'03');";
    let journal = house.path("journal.sqlite3");
    rusqlite::Connection::open(&journal).unwrap().execute_batch(sealed).unwrap();
    let rows = |path: &Path, table: &str| {
        let connection = rusqlite::Connection::open(path).unwrap();
        let count = format!("SELECT count(*) FROM {table}");
        connection.query_row(&count, (), |row| row.get::<_, i64>(0)).unwrap()
    };
    let bodies = rows(&journal, "sealed_bodies");
    let (file, keys) = (house.path("c.journal"), house.path("c.keys"));
    assert_ended(&run(&house, "backup", &[("--to", &file), ("--keys", &keys)]).await, 0, "backup ok");
    assert_eq!((rows(&file, "sealed_keys"), rows(&file, "sealed_bodies")), (0, bodies));
    assert_eq!(rows(&keys, "sealed_keys"), bodies);

    house.reconfigure(&[("journal.sqlite3", "restored/journal.sqlite3")]);
    assert_ended(&run(&house, "restore", &[("--from", &file), ("--keys", &keys)]).await, 0, "restore ok");
    let restored = house.path("restored/journal.sqlite3");
    let counts = ["sealed_keys", "sealed_owners", "sealed_bodies"].map(|table| rows(&restored, table));
    assert_eq!(counts, [bodies, rows(&journal, "sealed_owners"), bodies]);
}

#[tokio::test]
async fn nothing_is_overwritten_and_both_files_are_needed() {
    let (house, file, keys) = backed_up(2).await;
    let before = (fs::read(&file).unwrap(), fs::read(&keys).unwrap());
    let (other, new) = (house.path("other.keys"), house.path("new.journal"));
    assert_ended(
        &run(&house, "backup", &[("--to", &file), ("--keys", &other)]).await,
        69,
        "b.journal is there",
    );
    assert_ended(&run(&house, "backup", &[("--to", &new), ("--keys", &keys)]).await, 69, "b.keys is there");
    assert_eq!((fs::read(&file).unwrap(), fs::read(&keys).unwrap()), before);
    assert_ended(&run(&house, "backup", &[("--to", &new), ("--keys", &other)]).await, 0, "backup ok");
    assert!(names(house.path("").as_path()).iter().all(|name| !name.ends_with(".partial")));

    // Over the journal that is there; then elsewhere.
    assert_ended(&run(&house, "restore", &[("--from", &file), ("--keys", &keys)]).await, 69, "is there");
    house.reconfigure(&[("journal.sqlite3", "restored/journal.sqlite3")]);
    let refusals: [(&Path, &Path, i32, &str); 5] = [
        (&file, &other, 69, "these are not the keys of"),
        (&file, &house.path("none.keys"), 69, "none.keys cannot be opened"),
        (&house.path("none.journal"), &keys, 69, "none.journal cannot be opened"),
        (&house.path("journal.sqlite3"), &keys, 69, "is not a backup"),
        (&keys, &keys, 69, "is not a journal"),
    ];
    for (from, with, code, says) in refusals {
        assert_ended(&run(&house, "restore", &[("--from", from), ("--keys", with)]).await, code, says);
        assert!(!house.path("restored/journal.sqlite3").exists());
    }
    for kept in [1, 4096, before.0.len() - 4096, before.0.len() - 1] {
        fs::write(&file, &before.0[..kept]).unwrap();
        let refused = run(&house, "restore", &[("--from", &file), ("--keys", &keys)]).await;
        assert!(matches!(refused.code, Some(1 | 69)), "{kept}: {refused:#?}");
        assert!(!house.path("restored/journal.sqlite3").exists(), "{kept}");
    }
    fs::write(&file, &before.0).unwrap();
    assert_ended(&run(&house, "restore", &[("--from", &file), ("--keys", &keys)]).await, 0, "restore ok");
    // A backup is no journal.
    house.reconfigure(&[("journal.sqlite3", "b.journal")]);
    assert_ended(&house.spawn().ended().await, 69, "restore");
}

/// A backup that was killed as it got its name stands under two.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_is_replaced_and_no_other_file_with_it() {
    let (house, file, keys) = backed_up(1).await;
    let kept = [(&file, house.path("old.journal")), (&keys, house.path("old.keys"))];
    let before = kept.each_ref().map(|(made, old)| {
        fs::hard_link(made, made.with_extension(format!("{}.partial", ending(made)))).unwrap();
        fs::rename(made, old).unwrap();
        fs::read(old).unwrap()
    });
    assert_ended(&run(&house, "backup", &[("--to", &file), ("--keys", &keys)]).await, 0, "backup ok");
    assert_eq!(kept.each_ref().map(|(_made, old)| fs::read(old).unwrap()), before);
    for made in [&file, &keys] {
        assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(names(house.path("").as_path()).iter().all(|name| !name.ends_with(".partial")));
}

fn ending(path: &Path) -> &str {
    path.extension().unwrap().to_str().unwrap()
}

/// Damage to each table, and the place that must be named.
const DAMAGE: &[(&str, &str)] = &[
    ("UPDATE entries SET bytes = zeroblob(length(bytes)) WHERE position = 2", "position 2: "),
    ("UPDATE entries SET record_time_ms = record_time_ms + 1 WHERE position = 1", "position 1: "),
    ("DELETE FROM entries WHERE position = 2", "position 2: the next event is at 3"),
    ("DELETE FROM entries WHERE position = 1", "position 1: the next event is at 2"),
    ("UPDATE records SET memory = x'00' WHERE number = 1", "records connections/"),
    ("UPDATE records SET external_reference = 'else' WHERE number = 2", "records connections/"),
    ("DELETE FROM records WHERE number = 3", "there are events about it, but it is missing"),
    ("INSERT INTO record_tickets SELECT connection, 'no', number FROM records LIMIT 1", "(record_tickets)"),
    ("UPDATE deliveries SET state = 99", "deliveries connections/"),
    ("UPDATE deliveries SET waits_for = '[]'", "(delivery_waits)"),
    ("DELETE FROM delivery_waits", "(delivery_waits)"),
    ("UPDATE requests SET position = 999", "requests /m "),
    ("UPDATE dedupe SET place_check = x'00000000' WHERE key = 'once'", "dedupe once: "),
    ("DELETE FROM sealed_keys WHERE item = 'one'", "sealed_bodies one: its key is missing"),
    ("DELETE FROM sealed_bodies WHERE item = 'one'", "sealed_keys one: "),
    ("INSERT INTO sealed_owners VALUES ('nothing', 'nobody')", "sealed_owners: "),
    ("UPDATE jobs SET attempts = -1 WHERE id = 'one'", "jobs one: "),
    ("UPDATE subscriptions SET revision = -1", "subscriptions subscriptions/ledger: "),
    ("UPDATE subscription_shards SET position = 999", "subscription_shards subscriptions/ledger 0: "),
    ("DELETE FROM subscription_shards WHERE shard = 0", "subscription_shards subscriptions/ledger: "),
    ("UPDATE fence SET token = 0", "fence: "),
    ("DELETE FROM truncated", "truncated: "),
    ("DELETE FROM meta WHERE name = 'cursor_key'", "meta: cursor_key"),
];

#[tokio::test]
async fn damage_is_found_with_its_place() {
    let house = House::build().await;
    let gateway = house.serve().await;
    for _ in 0..3 {
        house.create(gateway.doors.channel().await).await;
    }
    gateway.child.signal("TERM");
    gateway.child.ended().await;
    let path = house.path("journal.sqlite3");
    rusqlite::Connection::open(&path).unwrap().execute_batch(MORE).unwrap();
    assert_ended(&run(&house, "verify", &[]).await, 0, "verify ok");
    let whole = fs::read(&path).unwrap();
    for (damage, place) in DAMAGE {
        fs::write(&path, &whole).unwrap();
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(&format!("PRAGMA foreign_keys = OFF; {damage}")).unwrap();
        drop(connection);
        let found = run(&house, "verify", &[]).await;
        assert!(found.code == Some(1), "{damage}: {found:#?}");
        assert!(found.stdout.iter().any(|line| line.contains(place)), "{damage}: {found:#?}");
    }
    // What is below the tables.
    let middle = whole.len() / 2 / 4096 * 4096;
    for at in [100, middle] {
        let mut bytes = whole.clone();
        bytes[at..at + 64].fill(0xa5);
        fs::write(&path, bytes).unwrap();
        assert!(run(&house, "verify", &[]).await.code == Some(1), "{at}");
    }
}

#[tokio::test]
async fn what_does_not_open_is_found_deep_down() {
    let (house, ..) = backed_up(1).await;
    let connection = rusqlite::Connection::open(house.path("journal.sqlite3")).unwrap();
    let sealed = "INSERT INTO sealed_keys VALUES ('one', 'none', x'00'); \
         INSERT INTO sealed_bodies VALUES ('one', 'demobank', 'note', x'00');";
    connection.execute_batch(sealed).unwrap();
    drop(connection);
    assert_ended(&run(&house, "verify", &[]).await, 0, "verify ok");
    let mut deep = command(&house, "verify", &[]);
    deep.arg("--deep");
    assert_ended(&Child::spawn(deep).ended().await, 1, "sealed_bodies one: ");
}

/// A row for each table that three creations leave empty.
const MORE: &str = "\
INSERT INTO deliveries VALUES (1, 'connections/demobank/webhookDeliveries/00000000-0000-4000-8000-000000000001',
  'demobank', 6, 1, zeroblob(32), '', '', 0, x'', '[]', '[\"abc\"]', '[]', 0);
INSERT INTO delivery_waits VALUES ('demobank', 'abc', 1);
INSERT INTO requests VALUES ('anonymous', '/m', zeroblob(16), zeroblob(32), 's', x'00', 1, 1);
INSERT INTO dedupe SELECT 'once', position, substr(checksum, 1, 4), 1 FROM entries WHERE position = 3;
INSERT INTO sealed_keys VALUES ('one', 'none', x'00');
INSERT INTO sealed_bodies VALUES ('one', 'demobank', 'note', x'00');
INSERT INTO jobs VALUES ('one', 'kind', 's', 1, 0, NULL);
INSERT INTO subscriptions VALUES ('subscriptions/ledger', 1, x'', 5, 1, NULL, 1, 1);
INSERT INTO subscription_shards SELECT 'subscriptions/ledger', 0, position, substr(checksum, 1, 4), NULL, 7, 'me', 1
  FROM entries WHERE position = 2;
INSERT INTO subscription_shards VALUES ('subscriptions/ledger', 1, 0, zeroblob(4), NULL, NULL, NULL, NULL);
UPDATE fence SET token = 7;
";
