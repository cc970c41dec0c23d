//! The table of calls in each docs/vendors/{vendor}.md says what the connector does: its operations, the RPCs that come
//! to them, and the requests that a server really sees.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use idv_gateway::proto::DESCRIPTORS;
use prost_reflect::DescriptorPool;

use super::faults::{Seen, tables};

/// One row.
#[derive(Debug, Clone)]
struct Row {
    operation: String,
    /// What stands in the column of RPCs.
    methods: String,
    /// What stands in the column of requests.
    request: String,
}

impl Row {
    /// The cells of a line that begins with an operation of `vendor`.
    fn read(line: &str, vendor: &str) -> Option<Self> {
        let mut cells = line.strip_prefix("| ")?.split('|').map(|cell| cell.trim().to_owned());
        let operation = cells.next()?.trim_matches('`').to_owned();
        operation.strip_prefix(vendor)?.strip_prefix('.')?;
        Some(Self { operation, methods: cells.next()?, request: cells.next()? })
    }

    /// Its method and path: the first of its words in code that are both.
    fn template(&self) -> Option<(&str, &str)> {
        let code = self.request.split('`').skip(1).step_by(2);
        let mut requests = code.filter_map(|code| code.split_once(' '));
        requests.find(|(verb, path)| {
            verb.bytes().all(|byte| byte.is_ascii_uppercase()) && path.starts_with(['/', '{'])
        })
    }

    /// Whether `seen` is what it says.
    fn is(&self, seen: &Seen) -> bool {
        let (Some((verb, path)), Some((method, asked))) = (self.template(), seen.asked.split_once(' '))
        else {
            return false;
        };
        // A whole address in a setting stands for its path.
        let asked = if path.starts_with('{') { asked.trim_start_matches('/') } else { asked };
        self.operation == seen.operation && verb == method && fits(path, asked)
    }
}

/// Whether `template`, in which words in braces stand for something within a segment, can become `path`.
fn fits(template: &str, path: &str) -> bool {
    let Some((begin, rest)) = template.split_once('{') else { return template == path };
    let (_place, rest) = rest.split_once('}').unwrap();
    let Some(path) = path.strip_prefix(begin) else { return false };
    let end = path.find(['/', '?']).unwrap_or(path.len());
    (1..=end).any(|length| path.is_char_boundary(length) && fits(rest, &path[length..]))
}

/// A connector and its table.
struct Vendor {
    rows: Vec<Row>,
    /// What its code calls operations.
    operations: BTreeSet<String>,
    /// What a server saw while each of them was made.
    seen: BTreeSet<Seen>,
}

impl Vendor {
    /// Where the table and the connector disagree, in words.
    fn disagreements(&self) -> Vec<String> {
        let Self { rows, operations, seen } = self;
        let methods = methods();
        let documented: BTreeSet<String> = rows.iter().map(|row| row.operation.clone()).collect();
        let mut wrong: Vec<_> =
            operations.difference(&documented).map(|name| format!("{name} is not in the table")).collect();
        wrong.extend(documented.difference(operations).map(|name| format!("nothing is called {name}")));
        for Row { operation, methods: named, .. } in rows {
            let named = named.split(", ").filter(|_name| !operation.ends_with(".login"));
            let unknown = named.filter(|name| !methods.contains(*name));
            wrong.extend(unknown.map(|name| format!("{operation}: {name} is no RPC")));
        }
        let unseen = rows.iter().filter(|row| !seen.iter().any(|seen| row.is(seen)));
        wrong.extend(unseen.map(|row| format!("{}: nobody asks for {}", row.operation, row.request)));
        let unsaid = seen.iter().filter(|seen| !rows.iter().any(|row| row.is(seen)));
        wrong.extend(unsaid.map(|seen| format!("{}: no row has {}", seen.operation, seen.asked)));
        wrong
    }

    fn idnow() -> Self {
        let row = |operation: &str, methods: &str, request: &str| Row {
            operation: operation.to_owned(),
            methods: methods.to_owned(),
            request: request.to_owned(),
        };
        let seen =
            |operation: &str, asked: &str| Seen { operation: operation.to_owned(), asked: asked.to_owned() };
        Self {
            rows: vec![
                row("idnow.get", "RefreshIdentification", "`GET /idents/{t}`"),
                row("idnow.copy", "CopyIdentification", "as `copy` says, `POST /idents/{t}/copy`"),
            ],
            operations: ["idnow.get", "idnow.copy"].map(str::to_owned).into(),
            seen: [seen("idnow.get", "GET /idents/1"), seen("idnow.copy", "POST /idents/1/copy")].into(),
        }
    }
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

/// The names of what lies in `folder`, without their ends.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_row_is_a_request_that_is_made_and_every_request_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for table in tables() {
        let name = table.vendor.name;
        let text = fs::read_to_string(root.join(format!("docs/vendors/{name}.md"))).unwrap();
        let vendor = Vendor {
            rows: text.lines().filter_map(|line| Row::read(line, name)).collect(),
            operations: operations(&root.join("src/vendor").join(name), name),
            seen: table.requests().await,
        };
        assert!(vendor.operations.len() > 6, "{:?}", vendor.operations);
        assert_eq!(vendor.disagreements(), [] as [&str; 0]);
    }
}

#[test]
fn every_vendor_has_a_page_and_a_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tables: BTreeSet<_> = tables().iter().map(|table| table.vendor.name.to_owned()).collect();
    let mut pages = names(&root.join("docs/vendors"));
    pages.remove("README");
    assert_eq!(pages, tables);
    let is_vendor = |name: &String| root.join("src/vendor").join(name).join("config.rs").exists();
    let folders: BTreeSet<_> = names(&root.join("src/vendor")).into_iter().filter(is_vendor).collect();
    assert_eq!(folders, tables);
}

#[test]
fn the_check_finds_planted_faults() {
    assert_eq!(Vendor::idnow().disagreements(), [] as [&str; 0]);
    let check = |plant: fn(&mut Vendor), symptoms: &[&str]| {
        let mut vendor = Vendor::idnow();
        plant(&mut vendor);
        assert_eq!(vendor.disagreements(), symptoms);
    };
    let gone = ["idnow.copy is not in the table", "idnow.copy: no row has POST /idents/1/copy"];
    check(|vendor| drop(vendor.rows.pop()), &gone);
    let more = ["nothing is called idnow.more", "idnow.more: nobody asks for `GET /idents/{t}`"];
    check(
        |vendor| vendor.rows.push(Row { operation: "idnow.more".to_owned(), ..vendor.rows[0].clone() }),
        &more,
    );
    // A second row of an operation that there is, which no request bears out.
    check(
        |vendor| {
            vendor.rows.push(Row { request: "`PUT /idents/{t}`".to_owned(), ..vendor.rows[0].clone() });
        },
        &["idnow.get: nobody asks for `PUT /idents/{t}`"],
    );
    let other = ["idnow.get: nobody asks for `GET /ids/{t}`", "idnow.get: no row has GET /idents/1"];
    check(|vendor| vendor.rows[0].request = "`GET /ids/{t}`".to_owned(), &other);
    let silent = ["idnow.get: nobody asks for soon", "idnow.get: no row has GET /idents/1"];
    check(|vendor| vendor.rows[0].request = "soon".to_owned(), &silent);
    let unseen = ["idnow.copy: nobody asks for as `copy` says, `POST /idents/{t}/copy`"];
    check(|vendor| vendor.seen.retain(|seen| seen.operation != "idnow.copy"), &unseen);
    let guess = ["idnow.get: GuessIdentification is no RPC"];
    check(|vendor| vendor.rows[0].methods = "RefreshIdentification, GuessIdentification".to_owned(), &guess);
}

#[test]
fn a_place_stays_in_its_segment() {
    for (template, path, expected) in [
        ("/a/{x}", "/a/1", true),
        ("/a/{x}.zip", "/a/1.2.zip", true),
        ("/a/{x}?{y}=true", "/a/1?old=true", true),
        ("/a/{x}", "/a/1/b", false),
        ("/a/{x}", "/a/1?old=true", false),
        ("/a/{x}", "/a/", false),
        ("/a/{x}/b", "/a/1/c", false),
    ] {
        assert_eq!(fits(template, path), expected, "{template} {path}");
    }
}
