//! The table of calls in each docs/vendors/{vendor}.md says what the connector does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use idv_gateway::proto::DESCRIPTORS;
use prost_reflect::DescriptorPool;

/// One row: the operation, and what stands in the column of RPCs.
type Row = (String, String);

/// Where the table and the connector disagree, in words.
fn disagreements(rows: &[Row], operations: &BTreeSet<String>, methods: &BTreeSet<String>) -> Vec<String> {
    let documented: BTreeSet<String> = rows.iter().map(|(operation, _)| operation.clone()).collect();
    let mut wrong: Vec<_> =
        operations.difference(&documented).map(|name| format!("{name} is not in the table")).collect();
    wrong.extend(documented.difference(operations).map(|name| format!("nothing is called {name}")));
    for (operation, methods_named) in rows.iter().filter(|(operation, _)| !operation.ends_with(".login")) {
        let unknown = methods_named.split(", ").filter(|name| !methods.contains(*name));
        wrong.extend(unknown.map(|name| format!("{operation}: {name} is no RPC")));
    }
    wrong
}

fn rows(text: &str, vendor: &str) -> Vec<Row> {
    let begin = format!("| `{vendor}.");
    let cells = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        Some((cells.next()?.trim_matches('`').to_owned(), cells.next()?))
    };
    text.lines().filter(|line| line.starts_with(&begin)).filter_map(cells).collect()
}

/// Every constant of the connector that names an operation.
pub(super) fn operations(folder: &Path, vendor: &str) -> BTreeSet<String> {
    let value = format!(": &str = \"{vendor}.");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(operations(&path, vendor));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let constants = text.lines().filter(|line| line.contains("const ") && line.contains(&value));
        found.extend(constants.filter_map(|line| line.split('"').nth(1)).map(str::to_owned));
    }
    found
}

fn methods() -> BTreeSet<String> {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    methods.map(|method| method.name().to_owned()).collect()
}

#[test]
fn every_call_is_in_the_table_with_its_rpcs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (vendor, calls) in [("idnow", 15), ("preventor", 12), ("preventor_open", 12), ("masstack", 6)] {
        let table =
            rows(&fs::read_to_string(root.join(format!("docs/vendors/{vendor}.md"))).unwrap(), vendor);
        let operations = operations(&root.join(format!("src/vendor/{vendor}")), vendor);
        assert!(operations.len() > calls, "{operations:?}");
        assert_eq!(disagreements(&table, &operations, &methods()), Vec::<String>::new());
    }
}

#[test]
fn the_check_finds_planted_faults() {
    let row = |operation: &str, rpc: &str| (operation.to_owned(), rpc.to_owned());
    let operations = BTreeSet::from(["idnow.get".to_owned(), "idnow.copy".to_owned()]);
    let table =
        [row("idnow.get", "RefreshIdentification, GuessIdentification"), row("idnow.gone", "Refresh")];
    let wrong = disagreements(&table, &operations, &methods());
    for symptom in
        ["idnow.copy is not in the table", "nothing is called idnow.gone", "GuessIdentification is no RPC"]
    {
        assert!(wrong.iter().any(|line| line.contains(symptom)), "{symptom}: {wrong:?}");
    }
}
