//! `vendors`: the support matrix, for people, for programs and in the documentation.

use std::collections::BTreeSet;
use std::fs;

use idv_gateway::proto::{DESCRIPTORS, Vendor};
use prost_reflect::DescriptorPool;
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
    let lists = ["capabilities", "switched_on_by_settings"];
    let names =
        lists.iter().flat_map(|list| vendors.iter().flat_map(|vendor| vendor[*list].as_array().unwrap()));
    let offered: BTreeSet<_> = names.map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(offered, named_by_the_contract().into_iter().chain(["webhooks".to_owned()]).collect());
    let masstack = &vendors[3];
    assert_eq!(masstack["settings"], json!("masstack"));
    assert_eq!(masstack["switched_on_by_settings"], json!(["cancel", "restart", "invitation"]));
}

/// What calls say that they need.
fn named_by_the_contract() -> BTreeSet<String> {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let option = pool.get_extension_by_name("idvgateway.options.v1.policy").unwrap();
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let named = methods.filter_map(|method| {
        let options = method.options();
        let policy =
            options.get_extension(&option).as_message()?.get_field_by_name("capability")?.into_owned();
        policy.as_str().map(str::to_owned)
    });
    named.filter(|name| !name.is_empty()).collect()
}
