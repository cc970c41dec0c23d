//! Who may import whom: an allow-list of rooms.

use std::collections::HashSet;

use super::paths::{self, Place};
use super::source::Source;

/// A room and what it may import.
type Rule<'a> = (&'a str, &'a [&'a str]);

/// Modules of the room `vendor` that are no vendor's own.
const EVERY_VENDORS: [&str; 10] = [
    "account_settings",
    "biometrics",
    "capability",
    "invitation",
    "keepsake",
    "kit",
    "onboarding",
    "ticket",
    "webhook",
    "webhook_setting",
];

/// Imports that `rules` do not allow, in files of the library.
pub(super) fn faults(library: &[Source], rules: &[Rule<'_>]) -> Vec<String> {
    let modules: HashSet<Place> = library.iter().map(Source::module).collect();
    let mut faults = Vec::new();
    for source in library {
        let module = source.module();
        // The top of the crate declares the rooms; it is none.
        let Some(room) = Room::of(&module, &modules) else { continue };
        let Some((_, allowed)) = rules.iter().find(|(name, _)| *name == room.rule()) else {
            faults.push(format!("{}: there is no rule for the room {}", source.path(), room.0));
            continue;
        };
        for place in paths::named(source.syntax(), &module, &modules).places {
            if !may(&room, allowed, &place, &modules) {
                faults.push(format!("{}: {} may not import {}", source.path(), room.0, written(&place)));
            }
        }
    }
    faults.dedup();
    faults
}

/// Paths that begin with `super::super`.
pub(super) fn past_the_parent(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let named = paths::named(source.syntax(), &source.module(), &HashSet::new());
        let paths = named.past_the_parent.iter();
        faults.extend(paths.map(|path| format!("{}: {path} reaches past the parent", source.path())));
    }
    faults
}

/// A part of the crate with its own rule: `journal`, or `vendor::idnow`.
#[derive(PartialEq, Eq)]
struct Room(String);

impl Room {
    /// The room a place lies in; `None` for the top of the crate.
    fn of(place: &Place, modules: &HashSet<Place>) -> Option<Self> {
        let folder = place.get(..2).filter(|folder| {
            folder[0] == "vendor"
                && !EVERY_VENDORS.contains(&folder[1].as_str())
                && modules.contains(&folder.to_vec())
        });
        let name = folder.map_or_else(|| place.first().cloned(), |folder| Some(folder.join("::")));
        name.map(Self)
    }

    /// The name its rule stands under.
    fn rule(&self) -> &str {
        match self.0.as_str() {
            "vendor::registry" => "vendor::registry",
            name if name.starts_with("vendor::") => "vendor::*",
            name => name,
        }
    }
}

fn may(room: &Room, allowed: &[&str], place: &Place, modules: &HashSet<Place>) -> bool {
    let Some(target) = Room::of(place, modules) else { return allowed.contains(&"*") };
    if target == *room || allowed.contains(&"*") || allowed.contains(&target.rule()) {
        return true;
    }
    let deeper = allowed.iter().filter(|entry| entry.contains("::"));
    deeper.map(|entry| entry.split("::").collect::<Vec<_>>()).any(|entry| {
        place.len() >= entry.len() && entry.iter().zip(place).all(|(expected, part)| expected == part)
    })
}

fn written(place: &Place) -> String {
    if place.is_empty() { "the whole crate".to_owned() } else { place.join("::") }
}
