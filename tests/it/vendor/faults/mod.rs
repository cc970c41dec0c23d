//! Every fault of a vendor against everything that it is asked for: what the caller is told, how often the vendor is
//! asked, and that nothing takes longer than it may.

mod idnow;
mod load;
mod masstack;
mod preventor;
mod preventor_open;
mod rows;
mod server;
mod table;
mod wire;

use std::collections::BTreeSet;
use std::path::Path;

use idv_gateway::vendor::kit::limit::LimitSettings;

use self::rows::{nonsense, on_the_wire, passing_answers};
use self::server::Does;
pub(super) use self::server::Seen;
use self::table::{Column, Means, Row, Table};
use crate::vendor::calls::operations;

/// Every vendor.
pub(super) fn tables() -> Vec<Table> {
    [idnow::vendor(), preventor::vendor(), preventor_open::vendor(), masstack::vendor()]
        .map(Table::new)
        .into()
}

fn idnow() -> Table {
    Table::new(idnow::vendor())
}

/// Whatever the vendor's words are.
async fn so_it_is_with_each_vendor(rows: fn() -> Vec<Row>) {
    let (mut faults, rows) = (Vec::new(), rows());
    for table in tables() {
        faults.extend(table.faults(&rows).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn faults_on_the_wire() {
    so_it_is_with_each_vendor(on_the_wire).await;
}

#[tokio::test]
async fn answers_that_may_be_better_in_a_moment() {
    so_it_is_with_each_vendor(passing_answers).await;
}

#[tokio::test]
async fn answers_that_cannot_be_a_vendors() {
    so_it_is_with_each_vendor(nonsense).await;
}

#[tokio::test]
async fn the_words_of_each_vendor() {
    let mut faults = Vec::new();
    for table in tables() {
        faults.extend(table.faults(&table.vendor.words).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A new operation without a column fails, as does a column of nothing.
#[test]
fn every_operation_has_a_column() {
    for table in tables() {
        let (vendor, columns) = (table.vendor.name, &table.vendor.columns);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vendor").join(vendor);
        let named: BTreeSet<_> = columns.iter().map(|column| column.operation.to_owned()).collect();
        assert_eq!(named, operations(&folder, vendor));
        let names: BTreeSet<_> = columns.iter().map(Column::name).collect();
        assert_eq!(names.len(), columns.len(), "each has a name of its own");
    }
}

/// Every exception is one to a row that there is, and that would come to something else.
#[test]
fn exceptions_are_exceptions() {
    for Table { vendor, .. } in tables() {
        let rows: Vec<_> = nonsense().into_iter().chain(vendor.words).collect();
        for column in vendor.columns {
            for (name, told) in &column.but {
                let row = rows.iter().find(|row| row.name == *name);
                let row = row.unwrap_or_else(|| panic!("{}: there is no row {name}", column.name()));
                assert!(
                    !matches!(row.means, Means::Last(most) if most == *told),
                    "{}: {name}",
                    column.name()
                );
            }
        }
    }
}

/// The table notices a connection that tries too rarely, waits too long, or tells another kind.
#[tokio::test]
async fn a_planted_fault_is_caught() {
    let rows = on_the_wire();
    let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
    let defaults = LimitSettings::default();
    let hasty = idnow().with(LimitSettings { max_attempts: 2, ..defaults });
    let found = hasty.check(row("half a body"), hasty.column("idnow.get")).await;
    assert_eq!(found, ["half a body of idnow.get: 2 tries instead of 3"]);

    let patient =
        LimitSettings { call_timeout_seconds: 45, attempt_timeout_seconds: 15, ..LimitSettings::default() };
    let slow = idnow().with(patient);
    let found = slow.check(row("hangs before the header"), slow.column("idnow.start creation")).await;
    assert_eq!(found, ["hangs before the header of idnow.start creation: took 45s"]);

    // A write that may have been done, taken for one that may be sent again.
    let mut careless = idnow();
    for column in &mut careless.vendor.columns {
        column.repeat = idv_gateway::vendor::kit::retry::Repeat::Freely;
    }
    let found = careless.check(row("half a body"), careless.column("idnow.copy")).await;
    let copy = "half a body of idnow.copy:";
    let wrong = format!("{copy} Some(VendorOutcomeUnknown) instead of Some(VendorUnavailable)");
    assert_eq!(found, [wrong, format!("{copy} 1 tries instead of 3")]);

    let well = Row::new("all is well", Does::Says(server::json("200 OK", "{}")), Means::Well);
    let found = idnow().check(&well, idnow().column("idnow.get")).await;
    assert_eq!(found, ["all is well of idnow.get: Some(VendorResponseInvalid) instead of None"]);
}
