//! The due-queue: jobs come in time, to one taker at a time.

use std::time::Duration;

use idv_gateway::journal::{Batch, Job, Journal};

use super::fixture::{Fixture, assert_conflict, create, identification, job, record, schedule, start};

const LEASE: Duration = Duration::from_secs(30);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn claimed(journal: &dyn Journal, after: Duration, limit: usize) -> Vec<String> {
    let jobs = journal.claim(start() + after, limit, LEASE).await.unwrap();
    jobs.into_iter().map(|job| job.id).collect()
}

fn complete(ids: &[&str]) -> Batch {
    Batch { complete: ids.iter().map(|id| (*id).to_owned()).collect(), ..Batch::default() }
}

pub(super) async fn jobs_come_when_due_and_oldest_first(fixture: Fixture) {
    let journal = &*fixture.journal;
    assert_eq!(journal.next_due().await.unwrap(), None);
    let jobs =
        vec![job("late", seconds(3)), job("b", seconds(2)), job("a", seconds(2)), job("first", seconds(1))];
    journal.append(schedule(jobs.clone())).await.unwrap();
    assert_eq!(journal.next_due().await.unwrap(), Some(start() + seconds(1)));
    assert!(claimed(journal, Duration::from_millis(999), 10).await.is_empty());
    let due = journal.claim(start() + seconds(2), 10, LEASE).await.unwrap();
    assert_eq!(due, [jobs[3].clone(), jobs[1].clone(), jobs[2].clone()], "b was scheduled before a");

    // A restart or a crash of the taker must not turn them round, nor must scheduling one of them again.
    journal.append(schedule(vec![jobs[1].clone()])).await.unwrap();
    let due = journal.claim(start() + seconds(2) + LEASE, 10, LEASE).await.unwrap();
    assert_eq!(due, [jobs[3].clone(), jobs[2].clone(), jobs[1].clone(), jobs[0].clone()]);
}

pub(super) async fn claims_are_disjoint(fixture: Fixture) {
    let jobs = (0..40).map(|number| job(&format!("job-{number:02}"), Duration::ZERO)).collect();
    fixture.journal.append(schedule(jobs)).await.unwrap();
    let takers = (0..10).map(|_| {
        let journal = fixture.journal.clone();
        tokio::spawn(async move { claimed(&*journal, seconds(1), 5).await })
    });
    let mut taken: Vec<String> = futures::future::try_join_all(takers).await.unwrap().concat();
    taken.sort();
    let all: Vec<String> = (0..40).map(|number| format!("job-{number:02}")).collect();
    assert_eq!(taken, all);
}

pub(super) async fn a_lease_ends(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal.append(schedule(vec![job("one", Duration::ZERO)])).await.unwrap();
    assert_eq!(claimed(journal, Duration::ZERO, 1).await, ["one"]);
    assert!(claimed(journal, LEASE - Duration::from_nanos(1), 1).await.is_empty());
    assert_eq!(claimed(journal, LEASE, 1).await, ["one"]);
    assert!(claimed(journal, LEASE, 1).await.is_empty());
}

pub(super) async fn scheduling_again_replaces_and_frees(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal.append(schedule(vec![job("one", Duration::ZERO)])).await.unwrap();
    assert_eq!(claimed(journal, Duration::ZERO, 1).await, ["one"]);
    let again = Job { attempts: 3, give_up_at: None, ..job("one", seconds(5)) };
    journal.append(schedule(vec![again.clone()])).await.unwrap();
    assert!(claimed(journal, seconds(4), 10).await.is_empty());
    let due = journal.claim(start() + seconds(5), 10, LEASE).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&again));
    // Finishing a job and scheduling it in one batch leaves it scheduled.
    let batch = Batch { complete: vec!["one".to_owned()], ..schedule(vec![again.clone()]) };
    journal.append(batch).await.unwrap();
    assert_eq!(journal.claim(start() + seconds(5), 10, LEASE).await.unwrap(), [again]);
}

pub(super) async fn completing_removes(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal.append(schedule(vec![job("one", Duration::ZERO), job("two", seconds(1))])).await.unwrap();
    assert_eq!(claimed(journal, Duration::ZERO, 10).await, ["one"]);
    journal.append(complete(&["one", "never-there"])).await.unwrap();
    assert_eq!(claimed(journal, LEASE + LEASE, 10).await, ["two"]);
    journal.append(complete(&["two"])).await.unwrap();
    assert_eq!(journal.next_due().await.unwrap(), None);
}

pub(super) async fn a_failed_batch_leaves_claims_alone(fixture: Fixture) {
    let journal = &*fixture.journal;
    let name = identification();
    let creates = || Batch { records: vec![create(record(&name, 1))], ..Batch::default() };
    journal.append(Batch { schedule: vec![job("one", Duration::ZERO)], ..creates() }).await.unwrap();
    assert_eq!(claimed(journal, Duration::ZERO, 1).await, ["one"]);
    let failing = Batch { complete: vec!["one".to_owned()], ..creates() };
    assert_conflict(journal.append(failing).await, &name);
    let failing = Batch { schedule: vec![job("one", Duration::ZERO)], ..creates() };
    assert_conflict(journal.append(failing).await, &name);
    assert!(claimed(journal, seconds(1), 1).await.is_empty());
    assert_eq!(claimed(journal, LEASE, 1).await, ["one"]);
}

pub(super) async fn next_due_waits_for_the_end_of_a_lease(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal.append(schedule(vec![job("one", Duration::ZERO), job("two", seconds(60))])).await.unwrap();
    assert_eq!(journal.next_due().await.unwrap(), Some(start()));
    assert_eq!(claimed(journal, seconds(1), 1).await, ["one"]);
    assert_eq!(journal.next_due().await.unwrap(), Some(start() + seconds(1) + LEASE));
    journal.append(complete(&["one"])).await.unwrap();
    assert_eq!(journal.next_due().await.unwrap(), Some(start() + seconds(60)));
}

pub(super) async fn scheduling_is_told(fixture: Fixture) {
    let mut due = fixture.journal.watch_due();
    due.mark_unchanged();
    fixture.journal.append(complete(&["one"])).await.unwrap();
    assert!(!due.has_changed().unwrap());
    fixture.journal.append(schedule(vec![job("one", Duration::ZERO)])).await.unwrap();
    assert!(due.has_changed().unwrap());
}
