//! `completions`: a script for every shell, and one of them at work.

use std::process::Command;

use super::child::program;

fn script(shell: &str) -> String {
    let output = program().args(["completions", shell]).output().unwrap();
    assert!(output.status.success(), "{shell}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_shell_is_told_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = script(shell);
        for word in ["serve", "check-config", "cursor-file"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let wrong = program().args(["completions", "csh"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(64));
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert!(said.contains("[possible values: bash, elvish, fish, powershell, zsh]"), "{said}");
}

#[test]
fn bash_completes() {
    let complete = |before: &[&str], last: &str| {
        // As bash calls it: the command, the word to complete and the one before it.
        let (words, count, previous) = (before.join(" "), before.len(), before.last().unwrap());
        let script = format!(
            "{script}
            [[ $(complete -p idv-gateway) =~ -F\\ ([^ ]+) ]]
            COMP_WORDS=({words} {last}) COMP_CWORD={count}
            ${{BASH_REMATCH[1]}} idv-gateway {last} {previous}
            printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script = script("bash"),
        );
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(complete(&["idv-gateway"], "hea"), "healthcheck\n");
    assert_eq!(complete(&["idv-gateway", "watch"], "--js"), "--json\n");
}
