//! Where the vendor's operations lie, as settings say it.

use http::Method;
use serde::Deserialize;

use crate::settings::Problems;
use crate::vendor::kit::url::{Base, PathTemplate, UrlError};
use crate::vendor::masstack::process::Kind;

/// What stands before every path.
const ORGANISATION: &str = "/orgs/{org_id}";
/// Places of all paths, and those of a process.
const KIND: &str = "kind";
const IDS: [&str; 2] = ["identification_id", "admin_identification_id"];

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The verb.
    pub method: Verb,
    /// The path below `/orgs/{org_id}`, with places `{kind}`, `{identification_id}` and `{admin_identification_id}`.
    pub path: String,
    /// The kinds of processes that have it.
    #[serde(default = "Kind::all")]
    pub kinds: Vec<Kind>,
}

/// What a request does, as HTTP has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

/// Operations whose verb and path are published, or follow from what is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointSettings {
    /// Makes a process.
    pub create: Place,
    /// Shows a process.
    pub get: Place,
    /// Erases a process.
    pub delete: Place,
}

/// Operations whose verb and path are not published. A connection has those that are written here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallSettings {
    /// Ends a process; takes a reason.
    pub cancel: Option<Place>,
    /// Opens a process anew.
    pub restart: Option<Place>,
    /// Sends the code again.
    pub send: Option<Place>,
}

/// Every operation of a connection.
pub(super) struct Endpoints {
    pub(super) create: Endpoint,
    pub(super) get: Endpoint,
    pub(super) delete: Endpoint,
    pub(super) cancel: Option<Endpoint>,
    pub(super) restart: Option<Endpoint>,
    pub(super) send: Option<Endpoint>,
}

/// One operation, whose path is sound.
pub(super) struct Endpoint {
    pub(super) method: Method,
    pub(super) path: PathTemplate,
    kinds: Vec<Kind>,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        let place = |method, path: &str, kinds| Place { method, path: path.to_owned(), kinds };
        let one = "/identifications/{kind}/{identification_id}";
        let admin = "/identifications/{kind}/{admin_identification_id}";
        Self {
            create: place(Verb::Post, "/identifications/{kind}", Kind::all()),
            get: place(Verb::Get, one, Kind::all()),
            delete: place(Verb::Delete, admin, vec![Kind::Otp]),
        }
    }
}

impl EndpointSettings {
    /// Reports what no type can say about them.
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.within("create", |problems| self.create.check(problems, false));
        problems.within("get", |problems| self.get.check(problems, true));
        problems.within("delete", |problems| self.delete.check(problems, true));
    }
}

impl CallSettings {
    /// Reports what no type can say about them.
    pub(super) fn check(&self, problems: &mut Problems) {
        for (key, place) in [("cancel", &self.cancel), ("restart", &self.restart), ("send", &self.send)] {
            if let Some(place) = place {
                problems.within(key, |problems| place.check(problems, true));
            }
        }
    }
}

impl Place {
    fn check(&self, problems: &mut Problems, names_a_process: bool) {
        let template = match PathTemplate::parse(&self.path) {
            Ok(template) => template,
            Err(error) => return problems.add("path", error.to_string()),
        };
        let ids = template.places().filter(|place| IDS.contains(place)).count();
        let known = template.places().all(|place| place == KIND || IDS.contains(&place));
        match (names_a_process, ids) {
            (true, 0) => {
                problems.add("path", "must have the place {identification_id} or {admin_identification_id}");
            }
            (false, 1..) => problems.add("path", "must have no place for an id: there is none yet"),
            _ if !known => problems.add(
                "path",
                "must have no other places than {kind}, {identification_id} and {admin_identification_id}",
            ),
            _ => {}
        }
        if self.kinds.is_empty() {
            problems.add("kinds", "must hold at least one kind: otp, identity_document");
        }
    }

    fn endpoint(&self, base: &Base) -> Result<Endpoint, UrlError> {
        let path = base.path(&format!("{ORGANISATION}{}", self.path))?;
        Ok(Endpoint { method: self.method.into(), path, kinds: self.kinds.clone() })
    }
}

impl Endpoints {
    /// The operations below `base`.
    pub(super) fn below(
        base: &Base,
        published: &EndpointSettings,
        calls: &CallSettings,
    ) -> Result<Self, UrlError> {
        let maybe = |place: &Option<Place>| place.as_ref().map(|place| place.endpoint(base)).transpose();
        Ok(Self {
            create: published.create.endpoint(base)?,
            get: published.get.endpoint(base)?,
            delete: published.delete.endpoint(base)?,
            cancel: maybe(&calls.cancel)?,
            restart: maybe(&calls.restart)?,
            send: maybe(&calls.send)?,
        })
    }
}

impl Endpoint {
    /// Whether processes of `kind` have it.
    pub(super) fn is_for(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::GET,
            Verb::Post => Self::POST,
            Verb::Put => Self::PUT,
            Verb::Patch => Self::PATCH,
            Verb::Delete => Self::DELETE,
        }
    }
}
