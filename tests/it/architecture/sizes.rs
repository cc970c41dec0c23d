//! How long files and functions may be.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use super::source::Source;

/// Files and functions (signature to closing brace) with more lines than allowed.
pub(super) fn faults(sources: &[Source], file_lines: usize, function_lines: usize) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        if source.lines() > file_lines {
            faults.push(format!("{} has {} lines, over {file_lines}", source.path(), source.lines()));
        }
        let mut functions = Functions::default();
        functions.visit_file(source.syntax());
        let long = functions.0.iter().filter(|(_, lines)| *lines > function_lines);
        faults.extend(long.map(|(name, lines)| {
            format!("{}: {name} has {lines} lines, over {function_lines}", source.path())
        }));
    }
    faults
}

/// Name and length of every function.
#[derive(Default)]
struct Functions(Vec<(String, usize)>);

impl Functions {
    fn measure(&mut self, signature: &Signature, body: &Block) {
        let (first, last) = (signature.span().start().line, body.span().end().line);
        self.0.push((signature.ident.to_string(), last - first + 1));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.measure(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
