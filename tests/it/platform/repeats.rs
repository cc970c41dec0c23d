//! Changes are made once for each `request_id`: repeats, lost answers, and a process that ends at the worst moment.

use idv_gateway::error::Kind;
use idv_gateway::proto::onboarding::Customer;
use prost::Message as _;
use tonic::Code;

use super::calls::{Change, made};
use super::house::House;
use super::{Fault, Heard, PLATFORM, RAW, REQUEST_ID};
use crate::scenario::words::refused;

#[tokio::test]
async fn a_repeat_gets_the_first_answer_put_together_again() {
    for change in Change::ALL {
        let house = House::new().await;
        let first = made(&house, change, REQUEST_ID).await.unwrap();
        let raw: &[u8] = if change.shows() { RAW } else { b"" };
        assert_eq!((first.replayed, &*first.raw_json), (false, raw), "{change:?}");
        assert_eq!(first.shown.is_empty(), !change.shows());
        let house = house.restarted().await;
        let again = made(&house, change, REQUEST_ID).await.unwrap();
        assert_eq!((again.replayed, again.raw_json), (true, Vec::new()), "{change:?}");
        assert_eq!(again.shown, first.shown, "{change:?}: what was left to the gateway to name too");
        let other = change.make(&house, PLATFORM, REQUEST_ID, "192.0.2.8").await.unwrap_err();
        refused(&other, Code::InvalidArgument, "REQUEST_ID_REUSED");
        assert_eq!(house.platform.heard().len(), 1, "{change:?}");
        assert!(!made(&house, change, "").await.unwrap().replayed);
        assert_eq!(house.platform.heard().len(), 2, "{change:?}: without an id it is another one");
    }
}

#[tokio::test]
async fn what_the_gateway_names_is_its_own_for_every_request() {
    let house = House::new().await;
    let mut names = std::collections::BTreeSet::new();
    for request_id in ["", "", REQUEST_ID, "0f7e1b86-50a5-4a0e-8a36-6c3d9a1d2b11"] {
        for change in [Change::CreateCustomer, Change::CreateAccount, Change::RegisterTransaction] {
            made(&house, change, request_id).await.unwrap();
        }
    }
    for heard in house.platform.heard() {
        names.insert(match heard {
            Heard::Customer(change) => change.name.id,
            Heard::Account(change) => change.name.id,
            Heard::Transaction(command) => command.transaction.transaction_id,
            _ => panic!("something else"),
        });
    }
    assert_eq!(names.len(), 12);
    assert!(names.iter().all(|name| name.parse::<uuid::Uuid>().is_ok()), "{names:?}");
}

#[tokio::test]
async fn a_lost_answer_is_never_sent_for_again() {
    for change in Change::ALL {
        let house = House::new().await;
        house.platform.fault(Fault::Lost);
        for _call in 0..2 {
            let error = made(&house, change, REQUEST_ID).await.unwrap_err();
            refused(&error, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
        }
        assert_eq!(house.platform.heard().len(), 1, "{change:?}");
    }
}

#[tokio::test]
async fn what_was_refused_for_now_is_sent_again_under_the_same_name() {
    let house = House::new().await;
    house.platform.fault(Fault::Refused(Kind::VendorRateLimited));
    let error = made(&house, Change::CreateCustomer, REQUEST_ID).await.unwrap_err();
    refused(&error, Code::ResourceExhausted, "VENDOR_RATE_LIMITED");
    let made_now = made(&house, Change::CreateCustomer, REQUEST_ID).await.unwrap();
    assert!(!made_now.replayed);
    let names = house.platform.heard().into_iter().map(|heard| match heard {
        Heard::Customer(change) => change.customer.name,
        _ => panic!("something else"),
    });
    let names: Vec<_> = names.collect();
    assert_eq!(names[0], names[1]);
    assert_eq!(Customer::decode(&*made_now.shown).unwrap().name, names[1]);
}

#[tokio::test]
async fn what_was_refused_for_good_stays_so() {
    let house = House::new().await;
    house.platform.fault(Fault::Refused(Kind::ResourceNotFound));
    for _call in 0..2 {
        let error = made(&house, Change::UpdateCustomer, REQUEST_ID).await.unwrap_err();
        refused(&error, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    assert_eq!(house.platform.heard().len(), 1);
}

#[tokio::test]
async fn a_process_that_ends_while_the_vendor_is_at_it_leaves_the_doubt() {
    for change in Change::ALL {
        let house = House::new().await;
        house.platform.fault(Fault::Hangs);
        let asked = made(&house, change, REQUEST_ID);
        tokio::select! {
            _answered = asked => panic!("{change:?}: it was answered"),
            () = house.until("the vendor", async || !house.platform.heard().is_empty()) => {}
        }
        let running = made(&house, change, REQUEST_ID).await.unwrap_err();
        refused(&running, Code::Aborted, "REQUEST_IN_PROGRESS");
        let house = house.restarted().await;
        let error = made(&house, change, REQUEST_ID).await.unwrap_err();
        refused(&error, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
        assert_eq!(house.platform.heard().len(), 1, "{change:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_before_the_doubt_is_on_disk() {
    for change in Change::ALL {
        let house = House::new().await;
        house.forgets(1);
        let error = made(&house, change, REQUEST_ID).await.unwrap_err();
        refused(&error, Code::Unavailable, "STORE_UNAVAILABLE");
        assert_eq!(house.platform.heard().len(), 0, "{change:?}");
        assert!(!made(&house, change, REQUEST_ID).await.unwrap().replayed);
    }
}

#[tokio::test]
async fn an_outcome_that_could_not_be_written_stays_in_doubt() {
    for change in Change::ALL {
        let house = House::new().await;
        house.forgets(2);
        let error = made(&house, change, REQUEST_ID).await.unwrap_err();
        refused(&error, Code::Unavailable, "STORE_UNAVAILABLE");
        let error = made(&house, change, REQUEST_ID).await.unwrap_err();
        refused(&error, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
        assert_eq!(house.platform.heard().len(), 1, "{change:?}");
    }
}
