//! Every fault of a vendor against everything that it is asked for: what the caller is told, how often the vendor is
//! asked, and that nothing takes longer than it may.

mod idnow;
mod load;
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
use self::table::{Column, Means, Row, Table};
use crate::vendor::calls::operations;

fn table() -> Table<idv_gateway::vendor::idnow::Idnow> {
    Table::new(idnow::vendor())
}

async fn all_is_as_the_table_has_it<V>(table: Table<V>, rows: Vec<Row>) {
    let faults = table.faults(&rows).await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whatever the vendor's words are.
async fn so_it_is_with_each_vendor(rows: fn() -> Vec<Row>) {
    all_is_as_the_table_has_it(table(), rows()).await;
    all_is_as_the_table_has_it(Table::new(preventor::vendor()), rows()).await;
    all_is_as_the_table_has_it(Table::new(preventor_open::vendor()), rows()).await;
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
async fn the_words_of_idnow() {
    all_is_as_the_table_has_it(table(), idnow::words()).await;
}

#[tokio::test]
async fn the_words_of_preventor() {
    all_is_as_the_table_has_it(Table::new(preventor::vendor()), preventor::words()).await;
}

#[tokio::test]
async fn the_words_of_preventor_open_services() {
    all_is_as_the_table_has_it(Table::new(preventor_open::vendor()), preventor_open::words()).await;
}

/// A new operation without a column fails, as does a column of nothing.
#[test]
fn every_operation_has_a_column() {
    fn check<V>(vendor: &str, columns: &[Column<V>]) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vendor").join(vendor);
        let named: BTreeSet<_> = columns.iter().map(|column| column.operation.to_owned()).collect();
        assert_eq!(named, operations(&folder, vendor));
        let names: BTreeSet<_> = columns.iter().map(Column::name).collect();
        assert_eq!(names.len(), columns.len(), "each has a name of its own");
    }
    check("idnow", &idnow::vendor().columns);
    check("preventor", &preventor::vendor().columns);
    check("preventor_open", &preventor_open::vendor().columns);
}

/// Every exception is one to a row that there is, and that would come to something else.
#[test]
fn exceptions_are_exceptions() {
    fn check<V>(columns: Vec<Column<V>>, words: Vec<Row>) {
        let rows: Vec<_> = [nonsense(), words].into_iter().flatten().collect();
        for column in columns {
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
    check(idnow::vendor().columns, idnow::words());
    check(preventor::vendor().columns, preventor::words());
    check(preventor_open::vendor().columns, preventor_open::words());
}

/// The table notices a connection that tries too rarely, waits too long, or tells another kind.
#[tokio::test]
async fn a_planted_fault_is_caught() {
    let rows = on_the_wire();
    let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
    let defaults = LimitSettings::default();
    let hasty = table().with(LimitSettings { max_attempts: 2, ..defaults });
    let found = hasty.check(row("half a body"), hasty.column("idnow.get")).await;
    assert_eq!(found, ["half a body of idnow.get: 2 tries instead of 3"]);

    let patient =
        LimitSettings { call_timeout_seconds: 45, attempt_timeout_seconds: 15, ..LimitSettings::default() };
    let slow = table().with(patient);
    let found = slow.check(row("hangs before the header"), slow.column("idnow.start creation")).await;
    assert_eq!(found, ["hangs before the header of idnow.start creation: took 45s"]);

    // A write that may have been done, taken for one that may be sent again.
    let mut careless = table();
    for column in &mut careless.vendor.columns {
        column.repeat = idv_gateway::vendor::kit::retry::Repeat::Freely;
    }
    let found = careless.check(row("half a body"), careless.column("idnow.copy")).await;
    let copy = "half a body of idnow.copy:";
    let wrong = format!("{copy} Some(VendorOutcomeUnknown) instead of Some(VendorUnavailable)");
    assert_eq!(found, [wrong, format!("{copy} 1 tries instead of 3")]);

    let well = Row::new("all is well", Does::Says(server::json("200 OK", "{}")), Means::Well);
    let found = table().check(&well, table().column("idnow.get")).await;
    assert_eq!(found, ["all is well of idnow.get: Some(VendorResponseInvalid) instead of None"]);
}
