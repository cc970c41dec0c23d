//! Links for the person.

use crate::proto::{StartLink, StartLinkKind, VendorReference};
use crate::settings::Problems;
use crate::vendor::idnow::config::IdnowSettings;
use crate::vendor::idnow::{CUSTOMER, IDENT_ID, TRANSACTION_NUMBER};
use crate::vendor::kit::url::{Origin, PathTemplate, Segment, UrlError};

const PLACES: [&str; 3] = ["customer", "transactionnumber", "identid"];
const DEFAULTS: [(&str, StartLinkKind, &str); 3] = [
    ("web", StartLinkKind::Web, "/{customer}/identifications/{transactionnumber}"),
    ("web_short", StartLinkKind::WebShort, "/{identid}"),
    ("embed", StartLinkKind::Embed, "/{customer}/identifications/{identid}/identification/start"),
];

/// Makes the links of one account.
#[derive(Debug)]
pub(super) struct Links {
    customer: Segment,
    forms: Vec<Form>,
}

#[derive(Debug)]
struct Form {
    kind: StartLinkKind,
    origin: Origin,
    path: PathTemplate,
}

impl Links {
    pub(super) fn new(settings: &IdnowSettings) -> Result<Self, UrlError> {
        let forms = DEFAULTS.iter().map(|(key, kind, path)| Form::new(settings, key, *kind, path));
        Ok(Self { customer: CUSTOMER.segment(&settings.customer)?, forms: forms.collect::<Result<_, _>>()? })
    }

    /// Reports templates that would not give a link of its own to every person.
    pub(super) fn check(settings: &IdnowSettings, problems: &mut Problems) {
        for (key, kind, path) in DEFAULTS {
            match Form::new(settings, key, kind, path) {
                // An unusable server is reported where it is set.
                Err(_unusable) if settings.person_origin().is_err() => {}
                Err(error) => problems.add(key, error.to_string()),
                Ok(form) if form.path.places().all(|place| place == "customer") => {
                    problems.add(key, "must contain {transactionnumber} or {identid}");
                }
                Ok(form) => {
                    if let Some(odd) = form.path.places().find(|place| !PLACES.contains(place)) {
                        problems.add(key, format!("has an unknown place {{{odd}}}"));
                    }
                }
            }
        }
    }

    /// Every link that can be made from `reference`; without an IdentID there is only the first.
    pub(super) fn all(&self, reference: &VendorReference) -> Vec<StartLink> {
        let number = TRANSACTION_NUMBER.segment(&reference.reference).ok();
        let ident_id = IDENT_ID.segment(&reference.id).ok();
        let mut values = vec![("customer", &self.customer)];
        values.extend(number.as_ref().map(|number| ("transactionnumber", number)));
        values.extend(ident_id.as_ref().map(|id| ("identid", id)));
        let link = |form: &Form| {
            let target = form.path.fill(&form.origin, &values).ok()?;
            Some(StartLink { kind: form.kind.into(), uri: target.url().to_string() })
        };
        self.forms.iter().filter_map(link).collect()
    }
}

impl Form {
    fn new(settings: &IdnowSettings, key: &str, kind: StartLinkKind, path: &str) -> Result<Self, UrlError> {
        let own = match kind {
            StartLinkKind::WebShort => &settings.links.web_short,
            StartLinkKind::Embed => &settings.links.embed,
            _ => &settings.links.web,
        };
        debug_assert!(DEFAULTS.iter().any(|(known, ..)| *known == key));
        let home = settings.person_origin()?;
        let Some(own) = own else {
            return Ok(Self { kind, origin: home, path: PathTemplate::parse(path)? });
        };
        let text = own.replacen("{host}", home.authority(), 1);
        // A path begins after the authority: at the first slash behind "scheme://".
        let authority = text.find("://").map_or(0, |scheme| scheme + 3);
        let slash = text[authority..].find('/').map_or(text.len(), |slash| authority + slash);
        let (origin, path) = text.split_at(slash);
        let origin = Origin::parse(origin, settings.environment.plain())?;
        Ok(Self { kind, origin, path: PathTemplate::parse(path)? })
    }
}
