//! What IDnow does with a finished identification: archives it, erases it, hands out its binding key.

use async_trait::async_trait;
use http::Method;

use crate::error::Error;
use crate::proto::VendorReference;
use crate::vendor::capability::{Archives, BindingKeys, Deleted, Deletion, Deletions};
use crate::vendor::idnow::Idnow;
use crate::vendor::idnow::fault::Refused;
use crate::vendor::idnow::identification::address;
use crate::vendor::idnow::wire::BindingKeyAnswer;
use crate::vendor::kit::retry::Repeat;

const ARCHIVE: &str = "idnow.archive";
const DELETE: &str = "idnow.delete";
const BINDING_KEY: &str = "idnow.binding_key";

#[async_trait]
impl Archives for Idnow {
    async fn archive(&self, reference: &VendorReference) -> Result<(), Error> {
        let path = &self.api.server.archive;
        let call = self.api.about(ARCHIVE, Method::POST, path, &address(reference)?)?;
        // What is archived stays archived, however often it is asked for.
        let answer = self.api.session.call(call.repeat(Repeat::Freely)).await?;
        match Refused::read(&answer) {
            // It "does not work if already archived or deleted": how that is said is not published.
            Some(refused) if refused.is_conflict() || refused.knows_nothing() => Ok(()),
            Some(refused) => Err(refused.error(&answer)),
            None => answer.done(),
        }
    }
}

#[async_trait]
impl Deletions for Idnow {
    async fn delete(&self, deletion: Deletion<'_>) -> Result<Deleted, Error> {
        let path = &self.api.server.ident;
        let call = self.api.about(DELETE, Method::DELETE, path, &address(deletion.about.reference)?)?;
        let answer = self.api.session.call(call).await?;
        match Refused::read(&answer) {
            Some(refused) if refused.waits_for_result() => Ok(Deleted::NotFinished),
            Some(refused) if refused.knows_nothing() => Ok(Deleted::NothingThere),
            Some(refused) => Err(refused.error(&answer)),
            None => answer.done().map(|()| Deleted::Now),
        }
    }
}

#[async_trait]
impl BindingKeys for Idnow {
    async fn binding_key(&self, reference: &VendorReference) -> Result<Option<String>, Error> {
        let path = &self.api.server.binding_key;
        let call = self.api.about(BINDING_KEY, Method::GET, path, &address(reference)?)?;
        let answer = self.api.session.call(call.secret_answer()).await?;
        match Refused::read(&answer) {
            Some(refused) if refused.knows_nothing() => return Ok(None),
            Some(refused) => return Err(refused.error(&answer)),
            None => {}
        }
        let key = answer.json::<BindingKeyAnswer>()?.binding_key.filter(|key| is_jws(key));
        key.map(Some).ok_or_else(|| answer.invalid("has no usable key at bindingKey"))
    }
}

/// Three parts in base64url, joined by dots.
fn is_jws(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.split('.').count() == 3 && text.split('.').all(part)
}
