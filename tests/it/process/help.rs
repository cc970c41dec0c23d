//! What `--help` teaches, word for word: a change of it is made on purpose.

use super::child::program;

#[test]
fn help_texts() {
    let whole = help(&[]);
    insta::assert_snapshot!("idv-gateway", whole);
    let commands = whole.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = commands.map_while(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let names: Vec<_> = names.collect();
    assert!(names.contains(&"watch") && names.contains(&"completions"), "{names:?}");
    for name in names {
        let text = help(&[name]);
        assert!(text.contains(&format!("\n  idv-gateway {name}")), "{name} has no example");
        insta::assert_snapshot!(name, text);
    }
}

fn help(command: &[&str]) -> String {
    let output = program().args(command).args(["--help"]).env("NO_COLOR", "1").output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}
