//! Updates at IDnow: the start request once more, with nothing in it but what changes.

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result, Violation};
use crate::model::change::{UpdateIdentification, covers};
use crate::proto::identification_spec::Kind as Spec;
use crate::vendor::capability::{Update, Updates};
use crate::vendor::idnow::Idnow;
use crate::vendor::idnow::fault::FIELDS;
use crate::vendor::idnow::identification::{address, start_body};
use crate::vendor::keepsake::{About, Keepsake};
use crate::vendor::kit::retry::Repeat;

const UPDATE: &str = "idnow.start";

#[async_trait]
impl Updates for Idnow {
    fn check(&self, update: &UpdateIdentification) -> Vec<Violation> {
        let said = match said(update) {
            Ok(said) => said,
            Err(_unwritable) => return vec![Violation::new("subject", "cannot be written as JSON")],
        };
        let mut violations = Vec::new();
        for (index, path) in &update.paths {
            let mut fields = FIELDS.iter().filter(|(_, ours)| covers(path, ours)).peekable();
            if fields.peek().is_none() {
                let field = format!("update_mask.paths[{index}]");
                violations.push(Violation::new(field, "is not a field that this connection sends"));
            } else if !fields.any(|(vendors, _)| said.contains_key(*vendors)) {
                let expected = "must have a value: this connection has no way to clear it at the vendor";
                violations.push(Violation::new(path, expected));
            }
        }
        violations
    }

    async fn update(&self, update: Update<'_>) -> Result<Option<Keepsake>, Error> {
        let Update { about: About { reference, .. }, command } = update;
        let mut body = said(command).map_err(|_names_a_value| {
            Error::new(Kind::VendorRejectedRequest, UPDATE, "the request cannot be written as JSON")
        })?;
        let ours = |field: &str| FIELDS.iter().find(|(vendors, _)| *vendors == field).map(|(_, ours)| *ours);
        body.retain(|field, _value| {
            ours(field).is_some_and(|ours| command.paths.values().any(|path| covers(path, ours)))
        });
        let number = address(reference)?;
        let id = self.api.start(&number, &body, Repeat::Never).await.map_err(|error| match error.kind {
            Kind::ResourceExists => {
                let detail = "the vendor has finished the identification".to_owned();
                Error { kind: Kind::IdentificationCompleted, detail, ..error }
            }
            _ => error,
        })?;
        if reference.id.is_empty() || reference.id.eq_ignore_ascii_case(id.as_str()) {
            return Ok(None);
        }
        let detail = "the vendor's answer is about another identification";
        Err(Error::new(Kind::VendorResponseInvalid, UPDATE, detail))
    }
}

/// What a start with everything in `update` would say.
fn said(update: &UpdateIdentification) -> serde_json::Result<Map<String, Value>> {
    let spec = match &update.spec {
        Some(Spec::AutoIdent(spec)) => spec.clone(),
        _ => Default::default(),
    };
    match serde_json::to_value(start_body(&update.subject, &spec))? {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}
