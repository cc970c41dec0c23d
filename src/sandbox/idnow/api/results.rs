//! The files of a result.

use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::sandbox::idnow::reply::{ErrorAnswer, compressible};
use crate::sandbox::idnow::{Idnow, document};

/// `GET /api/v1/{customer}/identifications/{t}.pdf`, `.xml` and `.zip`
pub(super) async fn get(
    idnow: &Arc<Idnow>,
    customer: &str,
    name: &str,
    kind: &str,
    headers: &HeaderMap,
) -> Result<Response, ErrorAnswer> {
    let clock = &idnow.clock;
    idnow.admit(customer, headers)?;
    let wording = idnow.wording().clone();
    let dossier = {
        let mut register = idnow.register();
        let place = idnow.own(&mut register, customer, name)?;
        let ident = register.at(place);
        document::dossier(ident, &wording).ok_or_else(|| ErrorAnswer::no_data(clock, &ident.id))?
    };
    match kind {
        "pdf" => Ok(([(CONTENT_TYPE, "application/pdf")], dossier.pdf()).into_response()),
        "xml" => Ok(compressible(headers, StatusCode::OK, "application/xml", dossier.xml().into_bytes())),
        "zip" => {
            let signer = Arc::clone(&idnow.signer);
            // Large ones take a while, and so does the first signature.
            let built = tokio::task::spawn_blocking(move || dossier.zip(&signer)).await;
            match built {
                Ok(Ok(archive)) => Ok(([(CONTENT_TYPE, "application/zip")], archive).into_response()),
                Ok(Err(_)) | Err(_) => Err(ErrorAnswer::internal(clock)),
            }
        }
        _ => Err(ErrorAnswer::no_such_path(clock)),
    }
}
