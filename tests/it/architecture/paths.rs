//! Every path that a file names in its own crate: in `use`, in code, inside macros and in attribute strings.

use std::collections::{HashMap, HashSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{File, ItemMod, ItemUse, Macro, MetaList, UseTree, Visibility};

/// A module or item, from the top of the crate.
pub(super) type Place = Vec<String>;

/// What a file names.
#[derive(Default)]
pub(super) struct Named {
    /// Places in its own crate. An empty one is the top of the crate itself.
    pub(super) places: Vec<Place>,
    /// Paths as written that reach past the parent.
    pub(super) past_the_parent: Vec<String>,
}

/// Reads `file`, which is `module`; `modules` are all modules of the crate.
pub(super) fn named(file: &File, module: &Place, modules: &HashSet<Place>) -> Named {
    let mut imports = Reader::new(module, modules);
    imports.only_imports = true;
    imports.visit_file(file);

    let mut reader = Reader { aliases: imports.aliases, ..Reader::new(module, modules) };
    reader.visit_file(file);
    reader.named
}

struct Reader<'a> {
    modules: &'a HashSet<Place>,
    here: Place,
    /// Names that a `use` brought in, so that `use crate::vendor` does not hide `vendor::idnow`.
    aliases: HashMap<String, Place>,
    only_imports: bool,
    named: Named,
}

impl<'a> Reader<'a> {
    fn new(module: &Place, modules: &'a HashSet<Place>) -> Self {
        let named = Named::default();
        Self { modules, here: module.clone(), aliases: HashMap::new(), only_imports: false, named }
    }

    fn note(&mut self, path: &[String]) {
        if path.starts_with(&["super".to_owned(), "super".to_owned()]) {
            self.named.past_the_parent.push(path.join("::"));
        }
        if let Some(place) = self.resolve(path) {
            self.named.places.push(place);
        }
    }

    /// Where `path` leads within the crate; `None` when it leads out of it or names something local.
    fn resolve(&self, path: &[String]) -> Option<Place> {
        let (first, rest) = path.split_first()?;
        let base = match first.as_str() {
            "crate" | "idv_gateway" => Vec::new(),
            "self" => self.here.clone(),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let kept = self.here.len().saturating_sub(ups);
                return Some([&self.here[..kept], &path[ups..]].concat());
            }
            name => match self.aliases.get(name) {
                Some(alias) if !rest.is_empty() => alias.clone(),
                _ => {
                    let child = [self.here.as_slice(), &[name.to_owned()]].concat();
                    if !self.modules.contains(&child) {
                        return None;
                    }
                    child
                }
            },
        };
        Some([base.as_slice(), rest].concat())
    }

    fn import(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(path.ident.to_string())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before)),
            UseTree::Glob(_) => self.note(before),
            UseTree::Name(name) if name.ident == "self" => {
                let alias = before.last().cloned().unwrap_or_default();
                self.import_as(before, alias);
            }
            UseTree::Name(name) => self.import_as(&with(name.ident.to_string()), name.ident.to_string()),
            UseTree::Rename(name) => self.import_as(&with(name.ident.to_string()), name.rename.to_string()),
        }
    }

    fn import_as(&mut self, path: &[String], alias: String) {
        self.note(path);
        if let Some(place) = self.resolve(path) {
            self.aliases.insert(alias, place);
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_of(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.end_of(&mut path);
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        TokenTree::Literal(literal) => self.literal(&literal.to_string()),
                        _ => {}
                    }
                }
            }
        }
        self.end_of(&mut path);
    }

    fn end_of(&mut self, path: &mut Vec<String>) {
        // A single name inside a macro is a variable far more often than a module.
        if path.len() > 1 {
            self.note(path);
        }
        path.clear();
    }

    /// Attributes name functions in strings: `deserialize_with = "crate::..."`.
    fn literal(&mut self, text: &str) {
        let path = text.trim_matches('"');
        if path.starts_with("crate::") || path.starts_with("super::") {
            self.note(&path.split("::").map(str::to_owned).collect::<Vec<_>>());
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&item.tree, &[]);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.here.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.here.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if !self.only_imports && parts.len() > 1 && path.leading_colon.is_none() {
            self.note(&parts);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        if !self.only_imports {
            self.tokens(item.tokens.clone());
        }
        visit::visit_macro(self, item);
    }

    fn visit_meta_list(&mut self, item: &'ast MetaList) {
        if !self.only_imports {
            self.tokens(item.tokens.clone());
        }
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {
        // `pub(super)` opens something; it imports nothing.
    }
}
