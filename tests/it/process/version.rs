//! `--version`: short for people, long for reports of faults.

use std::path::Path;
use std::process::Command;

use super::child::program;

fn printed(argument: &str) -> String {
    let output = program().arg(argument).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_short_version_is_one_line() {
    assert_eq!(printed("-V"), concat!("idv-gateway ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_long_version_tells_builds_apart() {
    let text = printed("--version");
    let names: Vec<_> = text.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["idv-gateway", "commit", "date", "target", "rustc", "sqlite"], "{text}");
    let date = text.lines().find_map(|line| line.strip_prefix("date")).unwrap().trim();
    let shape: String =
        date.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    assert!(["0000-00-00", "unknown"].contains(&shape.as_str()), "{text}");
}

/// Fails too when the build script was not run again after a commit.
#[test]
fn the_commit_is_the_one_it_was_built_from() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let head = Command::new("git").current_dir(root).args(["rev-parse", "--short=12", "HEAD"]).output();
    let head = head.ok().filter(|head| root.join(".git").exists() && head.status.success());
    let Some(head) = head else {
        println!("skipped: this copy has no history");
        return;
    };
    let head = String::from_utf8(head.stdout).unwrap();
    let text = printed("--version");
    let commit = text.lines().find_map(|line| line.strip_prefix("commit")).unwrap().trim();
    assert_eq!(commit.trim_end_matches("-dirty"), head.trim(), "{text}");
}
