//! Sealed items: kept, handed to another owner, gone for good.

use async_trait::async_trait;
use idv_gateway::journal::seal::SealedItem;
use idv_gateway::journal::{Appended, Batch, Journal, JournalError};

use super::altered::{Alter, Altered};
use super::fixture::Fixture;

pub(super) fn item(name: &str) -> SealedItem {
    SealedItem {
        item: name.to_owned(),
        owners: vec!["a delivery".to_owned()],
        kind: "webhook_body".to_owned(),
        connection: "bank".to_owned(),
        master_key: "0123abcd".to_owned(),
        wrapped_key: vec![1, 2, 3],
        body: vec![4, 5, 6],
    }
}

pub(super) async fn a_sealed_item_comes_back_and_goes_for_good(fixture: Fixture) {
    let journal = fixture.journal;
    assert_eq!(journal.sealed("one").await.unwrap(), None);
    journal.append(Batch { seal: vec![item("one"), item("two")], ..Batch::default() }).await.unwrap();
    assert_eq!(journal.sealed("one").await.unwrap(), Some(item("one")));
    journal.append(Batch { unseal: vec!["one".to_owned()], ..Batch::default() }).await.unwrap();
    assert_eq!(journal.sealed("one").await.unwrap(), None);
    assert_eq!(journal.sealed("two").await.unwrap(), Some(item("two")));
    // What is gone already may go again.
    journal.append(Batch { unseal: vec!["one".to_owned()], ..Batch::default() }).await.unwrap();
}

pub(super) async fn an_item_changes_its_owner(fixture: Fixture) {
    let journal = fixture.journal;
    journal.append(Batch { seal: vec![item("one"), item("two")], ..Batch::default() }).await.unwrap();
    let reown = vec![
        ("one".to_owned(), "an identification".to_owned()),
        ("one".to_owned(), "another".to_owned()),
        // Erased meanwhile: no reason to refuse the rest.
        ("gone".to_owned(), "an identification".to_owned()),
    ];
    journal.append(Batch { reown, ..Batch::default() }).await.unwrap();
    let owners = vec!["an identification".to_owned(), "another".to_owned()];
    let expected = SealedItem { owners, ..item("one") };
    assert_eq!(journal.sealed("one").await.unwrap(), Some(expected));
    assert_eq!(journal.sealed("two").await.unwrap(), Some(item("two")));
    assert_eq!(journal.sealed("gone").await.unwrap(), None);
}

pub(super) async fn an_owner_is_erased_with_all_it_has(fixture: Fixture) {
    assert_eq!(faults_of_erasing(&*fixture.journal).await, [""; 0]);
}

const ITEMS: [&str; 7] = ["one", "two", "three", "four", "five", "six", "seven"];

/// What is wrong with how a journal erases.
async fn faults_of_erasing(journal: &dyn Journal) -> Vec<String> {
    let of = |name: &str, owner: &str| SealedItem { owners: vec![owner.to_owned()], ..item(name) };
    let seal =
        vec![of("one", "a person"), of("two", "a person"), of("three", "another"), of("four", "a delivery")];
    journal.append(Batch { seal, ..Batch::default() }).await.unwrap();
    // What belongs to others too goes all the same, with what hangs on it.
    let seal = vec![of("five", "a delivery"), of("six", "a delivery"), of("seven", "six")];
    let reown = vec![("five".to_owned(), "a person".to_owned()), ("five".to_owned(), "another".to_owned())];
    let of_five = ("six".to_owned(), "five".to_owned());
    let reown = reown.into_iter().chain([of_five]).collect();
    journal.append(Batch { seal, reown, ..Batch::default() }).await.unwrap();
    // What is handed over in the same batch goes along.
    let reown = vec![("four".to_owned(), "a person".to_owned())];
    let erase = vec!["a person".to_owned(), "nobody".to_owned()];
    journal.append(Batch { reown, erase, ..Batch::default() }).await.unwrap();
    let mut faults = Vec::new();
    let left = |item| (item == "three").then(|| of("three", "another"));
    for (item, left) in ITEMS.map(|item| (item, left(item))) {
        let found = journal.sealed(item).await.unwrap();
        if found != left {
            faults.push(format!("{item} is {found:?}"));
        }
    }
    faults
}

/// A journal that leaves something behind.
enum Forgetful {
    Owners,
    WhatIsHandedOver,
}

#[async_trait]
impl Alter for Forgetful {
    async fn append(&self, inner: &dyn Journal, mut batch: Batch) -> Result<Appended, JournalError> {
        match self {
            Self::Owners => batch.erase.clear(),
            Self::WhatIsHandedOver => batch.reown.clear(),
        }
        inner.append(batch).await
    }
}

#[tokio::test]
async fn what_is_not_erased_is_noticed() {
    for (how, left) in [
        (Forgetful::Owners, &["one", "two", "four", "five", "six", "seven"][..]),
        (Forgetful::WhatIsHandedOver, &["four", "five", "six", "seven"]),
    ] {
        let faults = faults_of_erasing(&*Altered::over(Fixture::memory().journal, how)).await;
        let found = faults.iter().map(|fault| fault.split(' ').next().unwrap());
        assert!(found.eq(left.iter().copied()), "{faults:?}");
    }
}

pub(super) async fn sealing_again_replaces(fixture: Fixture) {
    let journal = fixture.journal;
    journal.append(Batch { seal: vec![item("one")], ..Batch::default() }).await.unwrap();
    let newer = SealedItem { wrapped_key: vec![7], body: vec![8], ..item("one") };
    let batch = Batch { unseal: vec!["one".to_owned()], seal: vec![newer.clone()], ..Batch::default() };
    journal.append(batch).await.unwrap();
    assert_eq!(journal.sealed("one").await.unwrap(), Some(newer));
}

pub(super) async fn names_of_sealed_items_stand_in_order(fixture: Fixture) {
    let journal = fixture.journal;
    let names = ["kept/b", "kept/a/1", "kept/a/é", "kept/a/2", "keptz", "kept", "kept/a", "other"];
    journal.append(Batch { seal: names.map(item).to_vec(), ..Batch::default() }).await.unwrap();
    for (prefix, after, limit, expected) in [
        ("kept/a/", "", 9, &["kept/a/1", "kept/a/2", "kept/a/é"][..]),
        ("kept/a/", "kept/a/1", 1, &["kept/a/2"]),
        ("kept/a/", "kept/a/é", 9, &[]),
        ("kept/", "a", 9, &["kept/a", "kept/a/1", "kept/a/2", "kept/a/é", "kept/b"]),
        ("", "kept/b", 9, &["keptz", "other"]),
        ("nothing", "", 9, &[]),
    ] {
        assert_eq!(journal.sealed_names(prefix, after, limit).await.unwrap(), expected, "{prefix} {after}");
    }
    journal.append(Batch { erase: vec!["a delivery".to_owned()], ..Batch::default() }).await.unwrap();
    assert!(journal.sealed_names("", "", 9).await.unwrap().is_empty());
}
