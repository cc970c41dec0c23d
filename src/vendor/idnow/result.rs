//! What a result object says, whether a webhook brought it or the gateway asked for it.

use prost_types::Timestamp;

use crate::model::observation::{Observation, Word};
use crate::proto::{
    AttemptEnd, Evidence, Outcome, ProofOfAddressOutcome, ProvisionalOutcome, VendorReference,
};
use crate::vendor::idnow::reason::reason;
use crate::vendor::idnow::wire::{Flag, ListBody, Process, ResultBody};
use crate::vendor::idnow::{IDENT_ID, TRANSACTION_NUMBER};
use crate::vendor::kit::http::read_json_noting;
use crate::vendor::kit::json::offset_time;
use crate::vendor::kit::url::Alphabet;
use crate::vendor::kit::{UNPRINTABLE, printable};
use crate::vendor::{Reading, Unreadable};

/// Every result word with a fixed meaning, aliases included.
pub(super) const KNOWN_RESULTS: [&str; 11] = [
    "CHECK_PENDING",
    "REVIEW_PENDING",
    "FRAUD_SUSPICION_PENDING",
    "SUCCESS",
    "SUCCESS_DATA_CHANGED",
    "SUCCESS_DATA_CHANGE",
    "FRAUD_SUSPICION_CONFIRMED",
    "CANCELED",
    "CANCELLED",
    "FAILED",
    "ABORTED",
];

/// Documented members that say nothing about what happened, or say it about the person.
const PASSED_OVER: [&str; 18] = [
    "additionaldocuments",
    "agentname",
    "attachments",
    "banktransferpaymentinfo",
    "contactdata",
    "customdata",
    "driverlicenseclasses",
    "driverlicenses",
    "esigning",
    "filename",
    "flavour",
    "href",
    "identificationdocument",
    "identificationdocument2",
    "previousresult",
    "questions",
    "userdata",
    "wasnfcused",
];

/// Reads the result objects of one account.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    customer: String,
    start_results: Vec<String>,
}

impl Reader {
    pub(super) fn new(customer: &str, start_results: &[String]) -> Self {
        Self { customer: customer.to_owned(), start_results: start_results.to_vec() }
    }

    /// Every statement in `body`, bare or wrapped. One that cannot be read makes the whole body unreadable: a
    /// body is applied whole or kept whole.
    pub(super) fn read(&self, body: &[u8], evidence: Evidence) -> Result<Reading, Unreadable> {
        let mut reading = Reading::default();
        let body: ResultBody =
            read_json_noting(body, |holder, name| note_member(holder, name, &mut reading.drift)).map_err(
                |misfit| Unreadable { path: misfit.path, expected: "JSON of the documented shape" },
            )?;
        let found = match (body.identifications, body.identificationprocess) {
            (Some(list), None) if !list.is_empty() => {
                let place = |(index, process)| (format!("identifications[{index}]."), process);
                list.into_iter().map(|ident| ident.identificationprocess).enumerate().map(place).collect()
            }
            (None, Some(process)) => vec![(String::new(), Some(process))],
            _ => return Err(unreadable("$", "", "a result, or a list with at least one")),
        };
        for (place, process) in found {
            let process = process.ok_or_else(|| unreadable(&place, "identificationprocess", "an object"))?;
            reading.observations.push(self.observe(&place, process, evidence, &mut reading.drift)?);
        }
        Ok(reading)
    }

    /// Every statement in the list `body`, which may be empty. Entries that cannot be read are passed over: the others
    /// do not depend on them.
    pub(super) fn read_list(&self, body: &[u8], evidence: Evidence) -> Result<Reading, Unreadable> {
        let mut reading = Reading::default();
        let body: ListBody =
            read_json_noting(body, |holder, name| note_member(holder, name, &mut reading.drift)).map_err(
                |misfit| Unreadable { path: misfit.path, expected: "JSON of the documented shape" },
            )?;
        let list = body.identifications.ok_or_else(|| unreadable("", "identifications", "a list"))?;
        for ident in list {
            let process = ident.identificationprocess.unwrap_or_default();
            match self.observe("", process, evidence, &mut reading.drift) {
                Ok(observation) => reading.observations.push(observation),
                Err(_unreadable) => reading.drift.push("identifications[]"),
            }
        }
        reading.drift.sort_unstable();
        reading.drift.dedup();
        Ok(reading)
    }

    fn observe(
        &self,
        place: &str,
        process: Process,
        evidence: Evidence,
        drift: &mut Vec<&'static str>,
    ) -> Result<Observation, Unreadable> {
        if process.companyid.as_deref().is_some_and(|company| !company.eq_ignore_ascii_case(&self.customer)) {
            let path = "identificationprocess.companyid";
            return Err(unreadable(place, path, "the account of this connection"));
        }
        let reference = reference(place, &process)?;
        let code = process.reason.as_deref().unwrap_or_default();
        let result = process.result.unwrap_or_default();
        let word = self.word(&result, code);
        if word == Word::Unknown {
            drift.push("identificationprocess.result");
        }
        if !code.is_empty() && !printable(code) {
            drift.push("identificationprocess.reason");
        }
        Ok(Observation {
            reasons: if code.is_empty() { Vec::new() } else { vec![reason(code)] },
            occur_time: occur_time(process.identificationtime.as_deref(), drift),
            reference,
            channel: channel(process.channel.as_deref(), drift),
            changed_by_agent: flag(process.identchanges, "identificationprocess.identchanges", drift),
            changed_by_reviewer: flag(process.reviewchanges, "identificationprocess.reviewchanges", drift),
            proof_of_address_outcome: proof_of_address(process.poaresult.as_deref(), drift),
            vendor_status: if result.is_empty() || printable(&result) {
                result
            } else {
                UNPRINTABLE.to_owned()
            },
            ..Observation::new(word, evidence)
        })
    }

    /// Only the result word decides. The document derives SUCCESS_DATA_CHANGED from field statuses, and its own
    /// samples do not.
    fn word(&self, result: &str, reason: &str) -> Word {
        match result {
            "CHECK_PENDING" => Word::Pending(ProvisionalOutcome::Undetermined),
            "REVIEW_PENDING" => Word::Pending(ProvisionalOutcome::LikelyVerified),
            "FRAUD_SUSPICION_PENDING" => Word::Pending(ProvisionalOutcome::FraudSuspected),
            "SUCCESS" => Word::Decided(Outcome::Verified),
            "SUCCESS_DATA_CHANGED" | "SUCCESS_DATA_CHANGE" => Word::Decided(Outcome::VerifiedDataChanged),
            "FRAUD_SUSPICION_CONFIRMED" => Word::Decided(Outcome::FraudConfirmed),
            "CANCELED" | "CANCELLED" | "FAILED" => Word::Ended(AttemptEnd::Inconclusive),
            "ABORTED" if reason.starts_with("APP_CANCELLATION_") => Word::Ended(AttemptEnd::AbortedByApp),
            "ABORTED" => Word::Ended(AttemptEnd::AbortedByUser),
            other if self.start_results.iter().any(|start| start == other) => Word::Started,
            _ => Word::Unknown,
        }
    }
}

fn reference(place: &str, process: &Process) -> Result<VendorReference, Unreadable> {
    let read = |value: &Option<String>, alphabet: Alphabet, path: &str| match value.as_deref() {
        None | Some("") => Ok(String::new()),
        Some(text) => {
            let segment =
                alphabet.segment(text).map_err(|_odd| unreadable(place, path, "letters, digits, - and _"))?;
            Ok(segment.as_str().to_owned())
        }
    };
    let id = read(&process.id, IDENT_ID, "identificationprocess.id")?;
    let path = "identificationprocess.transactionnumber";
    let number = read(&process.transactionnumber, TRANSACTION_NUMBER, path)?;
    if id.is_empty() && number.is_empty() {
        return Err(unreadable(place, path, "a transaction number or an IdentID"));
    }
    Ok(canonical(&id, &number))
}

/// An IdentID and a transaction number in one spelling each: the vendor compares neither with regard to case.
pub(super) fn canonical(id: &str, number: &str) -> VendorReference {
    let (id, reference) = (id.to_ascii_uppercase(), number.to_ascii_lowercase());
    VendorReference { id, reference, ..VendorReference::default() }
}

/// Notes, once for a body, that there are members the document does not have. Their names are the sender's: they may
/// be anything and as many as they like, so they are not told.
fn note_member(holder: &str, name: &str, drift: &mut Vec<&'static str>) {
    let place = if holder == "identificationprocess" { "identificationprocess.*" } else { "$.*" };
    if !PASSED_OVER.contains(&name) && !drift.contains(&place) {
        drift.push(place);
    }
}

fn occur_time(text: Option<&str>, drift: &mut Vec<&'static str>) -> Option<Timestamp> {
    let text = text.filter(|text| !text.is_empty())?;
    let time = offset_time(text);
    if time.is_none() {
        drift.push("identificationprocess.identificationtime");
    }
    time
}

fn channel(text: Option<&str>, drift: &mut Vec<&'static str>) -> String {
    match text.unwrap_or_default() {
        known @ ("WEB" | "APP" | "") => known.to_owned(),
        _ => {
            drift.push("identificationprocess.type");
            String::new()
        }
    }
}

fn flag(said: Option<Flag>, field: &'static str, drift: &mut Vec<&'static str>) -> bool {
    if said == Some(Flag(None)) {
        drift.push(field);
    }
    said == Some(Flag(Some(true)))
}

fn proof_of_address(text: Option<&str>, drift: &mut Vec<&'static str>) -> ProofOfAddressOutcome {
    match text.unwrap_or_default() {
        "" => ProofOfAddressOutcome::Unspecified,
        "SUCCESS" => ProofOfAddressOutcome::Verified,
        "SUCCESS_DATA_CHANGED" | "SUCCESS_DATA_CHANGE" => ProofOfAddressOutcome::VerifiedDataChanged,
        "CANCELED" | "CANCELLED" => ProofOfAddressOutcome::Inconclusive,
        _ => {
            drift.push("identificationprocess.poaresult");
            ProofOfAddressOutcome::Unspecified
        }
    }
}

fn unreadable(place: &str, path: &str, expected: &'static str) -> Unreadable {
    Unreadable { path: format!("{place}{path}"), expected }
}
