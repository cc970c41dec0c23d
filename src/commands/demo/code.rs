//! Identifications by a one-time code.

use std::error::Error;

use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::{
    CreateIdentificationRequest, DeliveryMethod, EventType, IdentificationSpec, IdentityDocumentType,
    OtpFactor, OtpSpec, Outcome, PhoneNumber, RefreshIdentificationRequest, Subject, identification_spec,
};
use tonic::transport::Channel;

use crate::commands::demo::person::Person;
use crate::commands::demo::stage::Stage;
use crate::commands::demo::stories::decided;
use crate::commands::demo::subscriber::Subscriber;
use crate::commands::output::say;
use crate::commands::render::Renderer;
use crate::commands::trial::CODES;

/// No webhook tells of these people: the vendor is asked, here by the caller, else by the gateway on its own schedule.
pub(super) async fn tell(
    stage: &Stage,
    person: &Person,
    events: &mut Subscriber,
    renderer: Renderer,
) -> Result<(), Box<dyn Error>> {
    let title = "6. One-time code: a vendor without webhooks is asked";
    say(&format!("\n{}", renderer.heading(title)))?;
    let (name, id) = create(stage.channel()).await?;
    events.expect(&name, EventType::IdentificationCreated).await?;
    let mut outcome = None;
    for (step, expected) in
        [("start", EventType::IdentificationStarted), ("validate", EventType::IdentificationCompleted)]
    {
        person.with_code(&id, step).await?;
        ask(stage.channel(), &name).await?;
        outcome = decided(&events.expect(&name, expected).await?);
    }
    match outcome {
        Some(Outcome::Verified) => Ok(()),
        other => Err(format!("{title} ended with {other:?}").into()),
    }
}

/// Makes one: its name, and what the vendor calls it.
async fn create(channel: Channel) -> Result<(String, String), Box<dyn Error>> {
    let otp = OtpSpec {
        channel: DeliveryMethod::Sms.into(),
        factor: OtpFactor::DocumentNumber.into(),
        ..OtpSpec::default()
    };
    let request = CreateIdentificationRequest {
        parent: CODES.to_owned(),
        external_reference: "demo-code".to_owned(),
        subject: Some(Subject {
            given_name: "María".to_owned(),
            family_name: "Ejemplo".to_owned(),
            phone: Some(PhoneNumber { e164: "+34600000000".to_owned(), ..PhoneNumber::default() }),
            document_type: IdentityDocumentType::Nif.into(),
            document_number: "12345678Z".to_owned(),
            ..Subject::default()
        }),
        spec: Some(IdentificationSpec { kind: Some(identification_spec::Kind::Otp(otp)) }),
        ..CreateIdentificationRequest::default()
    };
    let created = IdentificationServiceClient::new(channel).create_identification(request).await?;
    let made = created.into_inner().identification.ok_or("the gateway answered without an identification")?;
    let reference = made.vendor_reference.ok_or("the vendor gave no ids")?;
    Ok((made.name, reference.id))
}

/// Has the gateway ask the vendor now.
async fn ask(channel: Channel, name: &str) -> Result<(), Box<dyn Error>> {
    let request = RefreshIdentificationRequest { name: name.to_owned() };
    IdentificationServiceClient::new(channel).refresh_identification(request).await?;
    Ok(())
}
