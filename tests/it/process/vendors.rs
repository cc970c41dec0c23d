//! `vendors`: the support matrix, for people, for programs and in the documentation.

use std::fs;

use idv_gateway::proto::Vendor;
use serde_json::{Value, json};

use super::child::program;

fn told(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = program().arg("vendors").args(arguments).env("TMPDIR", folder.path()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "keys are left behind");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_documentation_shows_what_the_command_prints() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/vendors/README.md")).unwrap();
    let block = readme.split("```").nth(1).unwrap().strip_prefix("text\n").unwrap();
    assert_eq!(block, told(&[]), "docs/vendors/README.md shows another matrix than `idv-gateway vendors`");
}

#[test]
fn json_has_every_vendor_of_the_contract_and_every_capability_once() {
    let told: Value = serde_json::from_str(&told(&["--json"])).unwrap();
    let vendors = told["vendors"].as_array().unwrap();
    let names: Vec<_> = vendors.iter().map(|vendor| vendor["vendor"].as_str().unwrap()).collect();
    let all = (1..).map_while(|number| Vendor::try_from(number).ok()).map(|vendor| vendor.as_str_name());
    assert_eq!(names, all.collect::<Vec<_>>());
    for vendor in vendors {
        let capabilities = vendor["capabilities"].as_array().unwrap();
        let switched = vendor["switched_on_by_settings"].as_array().unwrap();
        assert!(
            !capabilities.is_empty() && !switched.iter().any(|name| capabilities.contains(name)),
            "{vendor}"
        );
    }
    let masstack = &vendors[3];
    assert_eq!(masstack["settings"], json!("masstack"));
    assert_eq!(masstack["switched_on_by_settings"], json!(["cancel", "restart", "invitation"]));
}
