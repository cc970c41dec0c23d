//! `watch`: every event once, however often the reader or the gateway is killed.

use std::fs;

use serde_json::json;

use super::child::{Child, program};
use super::house::{Doors, House};

pub(super) fn watch(doors: &Doors, arguments: &[&str]) -> Child {
    let mut watch = program();
    watch.args(["watch", "--server", &doors.grpc_url()]).args(arguments);
    Child::spawn(watch)
}

/// Lets one person go all the way: four events.
pub(super) async fn tell(house: &House, doors: &Doors) {
    let name = house.create(doors.channel().await).await;
    for (what, body) in
        [("start", json!({})), ("submit", json!({})), ("review", json!({ "result": "SUCCESS" }))]
    {
        house.act(&name, what, body).await;
    }
    for word in ["START", "CHECK_PENDING", "SUCCESS"] {
        assert_eq!(house.webhook(*doors, &name, word).await, Some(204));
    }
}

pub(super) async fn lines(watch: &mut Child, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        lines.push(watch.line().await.expect("the watch goes on"));
    }
    lines
}

/// Acceptance 17, for the command.
#[tokio::test]
async fn a_killed_watch_goes_on_where_it_stopped() {
    let house = House::build().await;
    let gateway = house.serve().await;
    let cursor = house.path("cursor").display().to_string();
    let arguments = ["--earliest", "--cursor-file", &cursor];

    let (mut seen, mut repeated) = (Vec::<String>::new(), 0);
    // How many lines must be there before the kill: the first, the last, or one in the middle.
    for count in [3, 2, 1, 2, 1] {
        tell(&house, &gateway.doors).await;
        let mut reader = watch(&gateway.doors, &arguments);
        let mut found = lines(&mut reader, count).await;
        reader.kill();
        // What it had printed by then counts as seen, and its cursor may say so.
        while let Some(line) = reader.line().await {
            found.push(line);
        }
        if found.first() == seen.last() {
            // The kill came between the line and its cursor.
            repeated += 1;
            found.remove(0);
        }
        seen.extend(found);
    }
    println!("{repeated} lines were printed again after a kill");
    let all = lines(&mut watch(&gateway.doors, &["--earliest"]), 20).await;
    let rest = 20 - seen.len();
    let mut reader = watch(&gateway.doors, &arguments);
    while seen.len() < 20 {
        let line = reader.line().await.expect("the watch goes on");
        if seen.last() != Some(&line) {
            seen.push(line);
        }
    }
    assert_eq!(seen, all, "the last {rest} lines came in one piece");
}

#[tokio::test]
async fn a_watch_outlives_its_gateway() {
    let house = House::build().await;
    let mut gateway = house.serve().await;
    // The next gateway is found where this one was.
    let free = "[grpc]\nlisten = \"127.0.0.1:0\"";
    house.reconfigure(&[(free, &free.replace("127.0.0.1:0", &gateway.doors.grpc.to_string()))]);
    let mut reader = watch(&gateway.doors, &["--earliest"]);
    tell(&house, &gateway.doors).await;
    let mut seen = lines(&mut reader, 4).await;

    gateway.child.kill();
    reader.find_error(|line| line.contains("trying again").then_some(())).await;
    let gateway = house.serve().await;
    tell(&house, &gateway.doors).await;
    seen.extend(lines(&mut reader, 4).await);
    let all = lines(&mut watch(&gateway.doors, &["--earliest"]), 8).await;
    assert_eq!(seen, all);

    gateway.child.signal("TERM");
    assert_eq!(gateway.child.ended().await.code, Some(0));
    reader.signal("INT");
    assert_eq!(reader.ended().await.code, Some(0));
}

#[tokio::test]
async fn only_the_types_asked_for_are_printed() {
    let house = House::build().await;
    let gateway = house.serve().await;
    for _ in 0..3 {
        tell(&house, &gateway.doors).await;
    }
    let mut reader = watch(
        &gateway.doors,
        &["--earliest", "--type", "identification_completed", "--type", "CONNECTION_HEALTH_CHANGED"],
    );
    for line in lines(&mut reader, 3).await {
        assert!(line.contains("  COMPLETED ") && line.contains("VERIFIED (decision 1)"), "{line}");
    }
    let wrong = watch(&gateway.doors, &["--type", "FINISHED"]).ended().await;
    assert_eq!(wrong.code, Some(64), "{wrong:#?}");
    assert!(wrong.stderr.join("\n").contains("IDENTIFICATION_COMPLETED"), "{wrong:#?}");
}

#[tokio::test]
async fn a_damaged_cursor_is_refused_in_a_sentence() {
    let house = House::build().await;
    let gateway = house.serve().await;
    let cursor = house.path("cursor");
    fs::write(&cursor, "not a cursor\n").unwrap();
    let path = cursor.display().to_string();
    let ended = watch(&gateway.doors, &["--cursor-file", &path]).ended().await;
    assert_eq!(ended.code, Some(77), "{ended:#?}");
    let [said] = ended.stderr.as_slice() else { panic!("{ended:#?}") };
    assert!(said.starts_with("idv-gateway: the gateway refused: ") && said.contains("cursor"), "{said}");
    assert_eq!(fs::read_to_string(&cursor).unwrap(), "not a cursor\n", "it is left for a person to look at");
}
