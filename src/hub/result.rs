//! What the vendor found out about a person: asked for, handed on, and kept nowhere.

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::model::name::IdentificationName;
use crate::model::observation::{Observation, Word};
use crate::model::result::without_values;
use crate::model::validate::Checks;
use crate::proto::{
    EventOrigin, GetIdentificationResultRequest, GetIdentificationResultResponse, Identification,
    IdentificationResult, IdentificationState as State, ProvisionalOutcome, ResultView,
};
use crate::vendor::{Findings, Get, KnownArtifacts};

const RESULT: &str = "get_identification_result";

impl Hub {
    /// Fetches the findings. The state that comes with them is applied, as a refresh would.
    pub async fn get_identification_result(
        &self,
        request: &GetIdentificationResultRequest,
    ) -> Result<GetIdentificationResultResponse> {
        let (name, view) = parse(request)?;
        let vendor = self.vendor(&name.connection, RESULT)?;
        let results = vendor.results().ok_or_else(|| {
            let detail = format!("{} has no results", name.connection.name());
            Error::new(Kind::CapabilityNotSupported, RESULT, detail)
        })?;
        let asked_of = self.existing(&name, RESULT).await?;
        if let Some(error) = impossible(&asked_of.identification) {
            return Err(error);
        }
        let reference = asked_of.identification.vendor_reference.clone().unwrap_or_default();
        let asked = results.result(Get { reference: &reference, deadline: None }).await;
        let Findings { observation, result, raw, raw_media_type, drift } =
            self.note_health_of(&*vendor, Some(&name), asked).await?;
        for field in &drift {
            self.metrics.drift(vendor.account().vendor.as_str_name(), field);
        }
        let identification = {
            let _turn = self.turn(&name.connection, &reference).await;
            self.learn(&*vendor, &asked_of, &observation, EventOrigin::Api).await?.record.identification
        };
        let Some(found) = result else { return Err(nothing_to_show(&identification)) };
        let preliminary = !matches!(observation.word, Word::Decided(_));
        if preliminary && !request.allow_preliminary {
            return Err(undecided(&observation));
        }
        let known = KnownArtifacts { name: &name, observation: &observation };
        let artifacts = vendor.artifacts().map(|files| files.known(known)).unwrap_or_default();
        let found = complete(IdentificationResult { artifacts, ..found }, identification, &observation);
        let result = match view {
            ResultView::Unspecified | ResultView::Status => without_values(found),
            ResultView::Full => found,
            ResultView::Raw => {
                IdentificationResult { raw: raw.into(), raw_media_type: raw_media_type.to_owned(), ..found }
            }
        };
        Ok(GetIdentificationResultResponse { result: Some(result), preliminary })
    }
}

fn parse(request: &GetIdentificationResultRequest) -> Result<(IdentificationName, ResultView)> {
    let mut checks = Checks::default();
    let name = checks.parse("name", &request.name);
    let view = ResultView::try_from(request.view)
        .map_err(|_number| checks.refuse("view", "is not a view this gateway knows"));
    match (name, view) {
        (Some(name), Ok(view)) => Ok((name, view)),
        _ => Err(checks.refused(RESULT)),
    }
}

/// Why there can be no result whatever the vendor says.
fn impossible(identification: &Identification) -> Option<Error> {
    let (kind, detail) = match identification.state() {
        State::Creating => (Kind::ResultNotReady, "the vendor has not confirmed the identification yet"),
        State::Failed => {
            (Kind::StateNotAllowed, "the identification was not created at the vendor: there is no result")
        }
        State::Deleted => (Kind::IdentificationGone, "the identification was deleted"),
        _ => return None,
    };
    Some(Error::new(kind, RESULT, detail))
}

/// The vendor answers alike for what nobody has finished and for what it has erased; what we know tells them apart.
fn nothing_to_show(identification: &Identification) -> Error {
    match identification.state() {
        State::Completed | State::Cancelled | State::Expired | State::Deleted => {
            let detail = "the vendor no longer has the identification";
            Error::new(Kind::IdentificationGone, RESULT, detail)
        }
        _ => Error::new(Kind::ResultNotReady, RESULT, "the vendor has nothing to show: nobody is done yet"),
    }
}

fn undecided(observation: &Observation) -> Error {
    let detail = match observation.word {
        Word::Pending(_) => "the vendor still reviews; allow_preliminary returns what there is",
        Word::Ended(_) => {
            "the last try ended without a decision; allow_preliminary returns what there is of it"
        }
        _ => "there is no decision yet; allow_preliminary returns what there is",
    };
    Error::new(Kind::ResultNotReady, RESULT, detail)
}

/// Adds what follows from the answer and what is known here. While the vendor's API lags behind what it has said
/// before, `vendor_result` is that of the findings, and the decision the newer one.
fn complete(
    found: IdentificationResult,
    identification: Identification,
    observation: &Observation,
) -> IdentificationResult {
    let (decision, provisional_outcome) = match observation.word {
        Word::Decided(_) => (identification.decision, ProvisionalOutcome::Unspecified),
        Word::Pending(expected) => (None, expected),
        _ => (None, ProvisionalOutcome::Undetermined),
    };
    IdentificationResult {
        name: identification.name,
        revision: identification.revision,
        decision,
        vendor_result: observation.vendor_status.clone(),
        proof_of_address_outcome: observation.proof_of_address_outcome.into(),
        provisional_outcome: provisional_outcome.into(),
        ..found
    }
}
