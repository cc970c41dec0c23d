//! The journal in memory fails when it is told to, so that others can test what they make of it.

use idv_gateway::clock::Clock;
use idv_gateway::journal::memory::{AppendFault, MemoryJournal};
use idv_gateway::journal::{Journal, JournalError};

use super::checker::read_all;
use super::fixture::{any_event, events, start};

#[tokio::test]
async fn appends_fail_when_told_and_recover() {
    let (clock, _time) = Clock::manual(start());
    let journal = MemoryJournal::new(clock);
    journal.append(events(vec![any_event()])).await.unwrap();

    journal.fail_appends(Some(AppendFault::Full));
    assert!(matches!(journal.append(events(vec![any_event()])).await, Err(JournalError::Full)));
    assert!(matches!(journal.health().await, Err(JournalError::Full)));
    journal.fail_appends(Some(AppendFault::Unavailable));
    assert!(matches!(journal.append(events(vec![any_event()])).await, Err(JournalError::Unavailable(_))));
    assert!(matches!(journal.health().await, Err(JournalError::Unavailable(_))));
    assert_eq!(read_all(&*journal, 10).await.len(), 1);

    journal.fail_appends(None);
    journal.health().await.unwrap();
    assert_eq!(journal.append(events(vec![any_event()])).await.unwrap().place.position, 2);
}
