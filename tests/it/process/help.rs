//! What `--help` teaches, word for word: a change of it is made on purpose.

use std::process::Command;

#[test]
fn help_texts() {
    for command in [&[][..], &["serve"], &["demo"], &["watch"], &["sandbox"], &["check-config"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_idv-gateway"))
            .args(command)
            .arg("--help")
            .env("NO_COLOR", "1")
            .env_remove("COLUMNS")
            .output()
            .unwrap();
        assert!(output.status.success(), "{command:?}");
        let name = command.first().copied().unwrap_or("idv-gateway");
        insta::assert_snapshot!(name, String::from_utf8(output.stdout).unwrap());
    }
}
