//! `completions`: lets a shell complete the command line.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::commands::Exit;
use crate::commands::output::print;

/// Print a script with which a shell completes commands and options.
///
/// It is written for this version: print it again after an upgrade.
#[derive(Debug, Args)]
#[command(after_help = PLACES)]
pub(super) struct Completions {
    /// The shell it is for.
    shell: Shell,
}

const PLACES: &str = "\
Examples, each to where its shell looks:
  idv-gateway completions bash > ~/.local/share/bash-completion/completions/idv-gateway
  idv-gateway completions zsh > ~/.zfunc/_idv-gateway
  idv-gateway completions fish > ~/.config/fish/completions/idv-gateway.fish
  idv-gateway completions elvish >> ~/.config/elvish/rc.elv
  idv-gateway completions powershell >> $PROFILE

zsh looks into ~/.zfunc when ~/.zshrc says so:
  fpath+=~/.zfunc; autoload -Uz compinit && compinit

Only for the present session of bash:
  source <(idv-gateway completions bash)";

impl Completions {
    /// `command` is the whole command line.
    pub(super) fn run(self, mut command: Command) -> Exit {
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        print(&script)
    }
}
