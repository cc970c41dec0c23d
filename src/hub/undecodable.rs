//! Answers of vendors that could not be decoded: the newest of each operation is kept, sealed, for whoever mends its
//! connector or the field paths.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prost::Message as _;

use crate::error::{Error, Kind, Result, Unread, VendorFault};
use crate::hub::page::{self, Pages};
use crate::hub::{Hub, sealing, store};
use crate::journal::Batch;
use crate::journal::seal::SealInput;
use crate::model::name::ConnectionId;
use crate::model::validate::Checks;
use crate::proto::{ListUndecodableAnswersRequest, ListUndecodableAnswersResponse, UndecodableAnswer};

const KEEP: &str = "keep_undecodable_answer";
const LIST: &str = "list_undecodable_answers";
/// What every item is called that holds one.
const ITEMS: &str = "undecodable/";
const KIND: &str = "undecodable_answer";
/// How long one is kept, unless what it is about is erased before.
const KEEP_FOR: Duration = Duration::from_hours(14 * 24);
/// Of one operation no more than one is written in this time: a vendor that answers rubbish does so at every call.
const PAUSE: Duration = Duration::from_mins(10);
/// Bytes that are enough for a page: with one more answer it stays below the 4 MiB that clients take by default.
const ENOUGH_BYTES: usize = 1 << 20;

/// When the newest answer of each operation was kept. In memory: after a restart one more is written.
#[derive(Default)]
pub(super) struct KeptAnswers(Mutex<HashMap<(ConnectionId, &'static str), SystemTime>>);

impl KeptAnswers {
    /// Takes the turn to keep an answer of `operation`, if it is free.
    fn take(&self, connection: &ConnectionId, operation: &'static str, now: SystemTime) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (connection.clone(), operation);
        let lately = |at: &SystemTime| now.duration_since(*at).is_ok_and(|passed| passed < PAUSE);
        if kept.get(&key).is_some_and(lately) {
            return false;
        }
        kept.insert(key, now);
        true
    }

    /// Gives the turn back: nothing was kept.
    fn give_back(&self, connection: &ConnectionId, operation: &'static str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&(connection.clone(), operation));
    }
}

impl Hub {
    /// Keeps the answer that `error` is about, where that could not be decoded. `of` is the identification that the
    /// vendor was asked about, or empty: erasing that takes the answer along.
    pub(super) async fn keep_undecodable(&self, connection: &ConnectionId, of: &str, error: &Error) {
        let Some((fault, unread)) = unread(error) else { return };
        let operation = error.operation;
        if !self.kept_answers.take(connection, operation, self.clock.now()) {
            return;
        }
        let answer = UndecodableAnswer {
            name: format!("{}/undecodableAnswers/{operation}", connection.name()),
            operation: operation.to_owned(),
            receive_time: Some(self.timestamp()),
            detail: error.detail.clone(),
            vendor_status: fault.status.into(),
            identification: of.to_owned(),
            size_bytes: i64::try_from(unread.size).unwrap_or(i64::MAX),
            body: unread.body.to_vec(),
        };
        match self.keep_answer_safe(connection, &answer).await {
            Ok(()) => tracing::warn!(
                connection.name = connection.name(),
                error.operation = operation,
                error.detail,
                "An answer of a vendor cannot be decoded; it is kept for ListUndecodableAnswers"
            ),
            Err(failure) => {
                // The next one may be kept.
                self.kept_answers.give_back(connection, operation);
                tracing::warn!(
                    connection.name = connection.name(),
                    error.operation = operation,
                    error = %failure,
                    "An answer of a vendor that cannot be decoded could not be kept"
                );
            }
        }
    }

    /// Seals `answer` in place of the one before, together with the job that forgets it.
    async fn keep_answer_safe(&self, connection: &ConnectionId, answer: &UndecodableAnswer) -> Result<()> {
        let item = format!("{ITEMS}{connection}/{}", answer.operation);
        let owner = match answer.identification.as_str() {
            "" => connection.name(),
            identification => identification.to_owned(),
        };
        let input = SealInput {
            connection: connection.as_str(),
            owner: &owner,
            item: &item,
            kind: KIND,
            plaintext: &answer.encode_to_vec(),
        };
        let mut batch = Batch::default();
        self.keep_until(&mut batch, input, self.clock.now() + KEEP_FOR, KEEP)?;
        self.append(batch).await.map(drop).map_err(|error| store(error, KEEP))
    }

    /// A page of the answers that are kept, by connection and operation.
    pub async fn list_undecodable_answers(
        &self,
        request: &ListUndecodableAnswersRequest,
    ) -> Result<ListUndecodableAnswersResponse> {
        let mut checks = Checks::default();
        let size = page::size(request.page_size, &mut checks);
        let connection = checks.parent(&request.parent);
        checks.finish(LIST)?;
        if let Some(connection) = &connection {
            self.vendor(connection, LIST)?;
        }
        let pages = Pages::new(&self.journal.identity().key, LIST, &connection);
        let after: Option<String> = pages.after(&request.page_token)?;
        let after = after.map_or_else(String::new, |place| format!("{ITEMS}{place}"));
        let prefix = connection.map_or_else(|| ITEMS.to_owned(), |id| format!("{ITEMS}{id}/"));
        let items = self.journal.sealed_names(&prefix, &after, size + 1).await;
        let items = items.map_err(|error| store(error, LIST))?;
        let mut response = ListUndecodableAnswersResponse::default();
        let (mut bytes, mut last) = (0, None);
        for item in &items {
            if response.undecodable_answers.len() == size || bytes >= ENOUGH_BYTES {
                let place = last.unwrap_or_default();
                response.next_page_token = pages.token(place);
                break;
            }
            last = item.strip_prefix(ITEMS);
            // Erased since it was listed.
            let Some(answer) = self.kept_answer(item).await? else { continue };
            bytes += answer.encoded_len();
            response.undecodable_answers.push(answer);
        }
        Ok(response)
    }

    async fn kept_answer(&self, item: &str) -> Result<Option<UndecodableAnswer>> {
        let sealed = self.journal.sealed(item).await.map_err(|error| store(error, LIST))?;
        let Some(sealed) = sealed else { return Ok(None) };
        let opened = self.vault.open(&sealed).map_err(|error| sealing(error, LIST))?;
        let answer = UndecodableAnswer::decode(opened.as_slice()).map_err(|error| {
            Error::new(Kind::StoreDamaged, LIST, "a kept answer is damaged").caused_by(error)
        })?;
        Ok(Some(answer))
    }
}

/// What `error` takes along of an answer.
pub(super) fn unread(error: &Error) -> Option<(&VendorFault, &Unread)> {
    let fault = error.vendor.as_deref()?;
    fault.answer.as_ref().map(|unread| (fault, unread))
}
