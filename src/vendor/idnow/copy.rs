//! Copies at IDnow, from one account to another.

use async_trait::async_trait;
use http::{Method, StatusCode};

use crate::error::{Error, Kind, Violation};
use crate::proto::VendorReference;
use crate::vendor::capability::{Copies, Copy};
use crate::vendor::idnow::fault::Refused;
use crate::vendor::idnow::identification::address;
use crate::vendor::idnow::result::canonical;
use crate::vendor::idnow::wire::{CopyBody, StartAnswer};
use crate::vendor::idnow::{CUSTOMER, IDENT_ID, Idnow, TRANSACTION_NUMBER};

const COPY: &str = "idnow.copy";

#[async_trait]
impl Copies for Idnow {
    fn account_name(&self) -> &str {
        self.api.server.customer.as_str()
    }

    fn check(&self, vendor_account: &str, target_reference: &str) -> Vec<Violation> {
        let parts = [
            ("vendor_account", vendor_account, CUSTOMER),
            ("target_reference", target_reference, TRANSACTION_NUMBER),
        ];
        let named = parts.into_iter().filter(|(_, text, _)| !text.is_empty());
        named
            .filter_map(|(part, text, alphabet)| {
                alphabet.segment(text).err().map(|error| Violation::new(part, error.to_string()))
            })
            .collect()
    }

    async fn copy(&self, copy: Copy<'_>) -> Result<VendorReference, Error> {
        let body =
            CopyBody { target_companyid: copy.account, target_transactionnumber: copy.target_reference };
        let number = address(copy.reference)?;
        let call = self.api.about(COPY, Method::POST, &self.api.server.copy, &number)?.json(&body)?;
        let answer = self.api.session.call(call).await?;
        if let Some(refused) = Refused::read(&answer) {
            return Err(match refused.knows_nothing() {
                true => {
                    let detail = "the vendor does not have it any more";
                    refused.as_kind(&answer, Kind::IdentificationGone, detail)
                }
                false => {
                    refused.making_error(&answer, "the account has an identification with this reference")
                }
            });
        }
        if !matches!(answer.status(), StatusCode::OK | StatusCode::CREATED) {
            return Err(answer.invalid("has a status that the vendor does not document"));
        }
        // Its present document shows no answer; the one before it, an IdentID.
        let id = match answer.body().trim_ascii() {
            b"" => String::new(),
            _ => answer.json::<StartAnswer>()?.id.unwrap_or_default(),
        };
        if !id.is_empty() && IDENT_ID.segment(&id).is_err() {
            return Err(answer.invalid("has no usable IdentID at id"));
        }
        Ok(canonical(&id, copy.target_reference))
    }
}
