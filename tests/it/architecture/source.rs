//! Source files and the modules they are.

use std::fs;
use std::path::Path;

/// One file, read and parsed.
pub(super) struct Source {
    path: String,
    text: String,
    syntax: syn::File,
}

impl Source {
    /// Every Rust file at or below `place`, a path from the top of the repository. Nothing where there is none.
    pub(super) fn below(place: &str) -> Vec<Self> {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        collect(top, place, &mut found);
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// The file `path` as if `text` stood in it.
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path} does not parse: {error}"));
        Self { path, text, syntax }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn syntax(&self) -> &syn::File {
        &self.syntax
    }

    pub(super) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// The module it is, from the top of its crate: `src/vendor/mod.rs` is `["vendor"]`, `src/lib.rs` is `[]`.
    pub(super) fn module(&self) -> Vec<String> {
        let stem = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut module: Vec<_> = stem.split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        module
    }

    /// Whether it belongs to the binary, which sees the library from outside.
    pub(super) fn is_of_the_binary(&self) -> bool {
        self.path == "src/main.rs" || self.path.starts_with("src/commands/") || self.path == "src/commands.rs"
    }
}

fn collect(top: &Path, place: &str, found: &mut Vec<Source>) {
    let full = top.join(place);
    if full.is_dir() {
        for entry in fs::read_dir(&full).unwrap() {
            let name = entry.unwrap().file_name();
            collect(top, &format!("{place}/{}", name.to_str().unwrap()), found);
        }
    } else if place.ends_with(".rs") && full.is_file() {
        found.push(Source::new(place, fs::read_to_string(&full).unwrap()));
    }
}
