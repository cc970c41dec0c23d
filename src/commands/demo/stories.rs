//! The eight stories, told by a gRPC client and the event stream.

use std::error::Error;

use idv_gateway::proto::event::Payload;
use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::{
    AutoIdentSpec, CreateIdentificationRequest, Date, Event, EventType, IdentificationSpec, Outcome, Subject,
    identification_spec,
};
use tonic::transport::Channel;

use crate::commands::demo::person::Person;
use crate::commands::demo::stage::Stage;
use crate::commands::demo::subscriber::Subscriber;
use crate::commands::demo::{code, face, invitation, signing};
use crate::commands::output::say;
use crate::commands::render::Renderer;
use crate::commands::trial::CONNECTION;

/// What happens in a story after the creation.
enum Act {
    /// The caller hands over what the person is to sign.
    Upload,
    Start,
    Abort(&'static str),
    Submit(&'static str),
    Review(&'static str),
    /// It happens by itself: the vendor's test robot reviews, a signature is seen.
    Wait,
}

struct Story {
    title: &'static str,
    reference: &'static str,
    family_name: &'static str,
    /// Each act, and the event the subscriber sees because of it.
    acts: &'static [(Act, EventType)],
    outcome: Outcome,
    /// What was signed is downloaded at the end.
    signs: bool,
}

const STORIES: [Story; 5] = [
    Story {
        title: "1. Happy path: started, submitted, reviewed",
        reference: "demo-happy",
        family_name: "Beispiel",
        acts: &[
            (Act::Start, EventType::IdentificationStarted),
            (Act::Submit("CHECK_PENDING"), EventType::IdentificationSubmitted),
            (Act::Review("SUCCESS"), EventType::IdentificationCompleted),
        ],
        outcome: Outcome::Verified,
        signs: false,
    },
    Story {
        title: "2. Data changed: the document says something else than the caller",
        reference: "demo-data-changed",
        family_name: "Beispil",
        acts: &[
            (Act::Start, EventType::IdentificationStarted),
            (Act::Submit("REVIEW_PENDING"), EventType::IdentificationSubmitted),
            (Act::Review("SUCCESS_DATA_CHANGED"), EventType::IdentificationCompleted),
        ],
        outcome: Outcome::VerifiedDataChanged,
        signs: false,
    },
    Story {
        title: "3. Aborted, then retried with the same link",
        reference: "demo-retry",
        family_name: "Beispiel",
        acts: &[
            (Act::Start, EventType::IdentificationStarted),
            (Act::Abort("USER_CANCELLATION_IDENTIFY_LATER"), EventType::IdentificationAttemptEnded),
            (Act::Start, EventType::IdentificationStarted),
            (Act::Submit("CHECK_PENDING"), EventType::IdentificationSubmitted),
            (Act::Review("SUCCESS"), EventType::IdentificationCompleted),
        ],
        outcome: Outcome::Verified,
        signs: false,
    },
    Story {
        title: "4. Fraud: the vendor's test robot reviews",
        reference: "demo-fraud",
        family_name: "X-MANUALTEST-FRAUDIDENT",
        acts: &[
            (Act::Start, EventType::IdentificationStarted),
            (Act::Submit("FRAUD_SUSPICION_PENDING"), EventType::IdentificationSubmitted),
            (Act::Wait, EventType::IdentificationCompleted),
        ],
        outcome: Outcome::FraudConfirmed,
        signs: false,
    },
    Story {
        title: "5. Signing: a contract is uploaded, signed on the way, and downloaded",
        reference: "demo-signing",
        family_name: "Beispiel",
        acts: &[
            (Act::Upload, EventType::DocumentUploaded),
            (Act::Start, EventType::IdentificationStarted),
            (Act::Submit("CHECK_PENDING"), EventType::IdentificationSubmitted),
            (Act::Review("SUCCESS"), EventType::IdentificationCompleted),
            (Act::Wait, EventType::DocumentSigned),
        ],
        outcome: Outcome::Verified,
        signs: true,
    },
];

/// Tells all eight, one after the other. The error is that of [`say`] when nobody reads on.
pub(super) async fn tell(stage: &Stage, renderer: Renderer) -> Result<(), Box<dyn Error>> {
    let person = stage.person()?;
    let mut events = Subscriber::open(stage.channel(), renderer).await?;
    for story in &STORIES {
        say(&format!("\n{}", renderer.heading(story.title)))?;
        if story.signs {
            signing::define(stage.channel()).await?;
        }
        let name = create(stage.channel(), story).await?;
        events.expect(&name, EventType::IdentificationCreated).await?;

        let id = name.rsplit('/').next().unwrap_or_default();
        let mut outcome = None;
        for (act, expected) in story.acts {
            match act {
                Act::Upload => signing::upload(stage.channel(), &name).await?,
                act => perform(&person, id, act).await?,
            }
            outcome = outcome.or(decided(&events.expect(&name, *expected).await?));
        }
        if story.signs {
            say(&format!("  {}", signing::download(stage.channel(), &name).await?))?;
        }
        if outcome != Some(story.outcome) {
            return Err(format!("{} ended with {outcome:?}, not {:?}", story.title, story.outcome).into());
        }
    }
    code::tell(stage, &person, &mut events, renderer).await?;
    invitation::tell(stage, &person, &mut events, renderer).await?;
    face::tell(stage, renderer).await?;
    let heading = renderer.heading("All eight ended as they should. Cursor to go on from:");
    say(&format!("\n{heading}\n{}", events.cursor()))?;
    Ok(())
}

async fn create(channel: Channel, story: &Story) -> Result<String, Box<dyn Error>> {
    let auto_ident =
        AutoIdentSpec { custom_data: vec![story.reference.to_owned()], ..AutoIdentSpec::default() };
    let request = CreateIdentificationRequest {
        parent: CONNECTION.to_owned(),
        external_reference: story.reference.to_owned(),
        subject: Some(Subject {
            given_name: "Erika".to_owned(),
            family_name: story.family_name.to_owned(),
            birth_date: Some(Date { year: 1987, month: 5, day: 23 }),
            nationality: "DE".to_owned(),
            ..Subject::default()
        }),
        spec: Some(IdentificationSpec { kind: Some(identification_spec::Kind::AutoIdent(auto_ident)) }),
        ..CreateIdentificationRequest::default()
    };
    let created =
        IdentificationServiceClient::new(channel).create_identification(request).await?.into_inner();
    Ok(created.identification.ok_or("the gateway answered without an identification")?.name)
}

async fn perform(person: &Person, id: &str, act: &Act) -> Result<(), Box<dyn Error>> {
    match act {
        Act::Start => person.start(id).await,
        Act::Abort(reason) => person.abort(id, reason).await,
        Act::Submit(result) => person.submit(id, result).await,
        Act::Review(result) => person.review(id, result).await,
        Act::Upload | Act::Wait => Ok(()),
    }
}

/// The outcome that `event` tells of.
pub(super) fn decided(event: &Event) -> Option<Outcome> {
    match &event.payload {
        Some(Payload::IdentificationChanged(changed)) => {
            Some(changed.identification.as_ref()?.decision.as_ref()?.outcome())
        }
        _ => None,
    }
}
