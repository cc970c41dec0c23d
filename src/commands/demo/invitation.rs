//! The story of an invitation, at a vendor of another kind: webhooks that the gateway registers itself, and a ticket.

use std::error::Error;

use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::webhook_service_client::WebhookServiceClient;
use idv_gateway::proto::{
    CreateIdentificationRequest, DeliveryMethod, Event, EventType, IdentificationSpec, InvitationSpec,
    Outcome, RegisterVendorWebhookRequest, Subject, VendorWebhookKind, WebhookAuthentication,
    identification_spec,
};
use tonic::transport::Channel;

use crate::commands::demo::person::Person;
use crate::commands::demo::stage::Stage;
use crate::commands::demo::stories::decided;
use crate::commands::demo::subscriber::Subscriber;
use crate::commands::output::say;
use crate::commands::render::Renderer;
use crate::commands::trial::INVITING;

const TITLE: &str = "7. Invitation: another vendor, encrypted webhooks, a ticket step by step";
/// Nobody's: the domain is reserved for examples.
const MAIL: &str = "jose.ejemplo@example.com";
/// Any text is a flow of the sandbox.
const FLOW: &str = "WF-07";

/// What the person does, and the event the subscriber sees because of it.
const ACTS: [(Act, EventType); 5] = [
    (Act::Start, EventType::IdentificationStarted),
    (Act::Wait, EventType::TicketProgressed),
    (Act::Pass("verification.liveness"), EventType::TicketProgressed),
    (Act::Pass("verification.id_proofing"), EventType::TicketProgressed),
    (Act::Accept, EventType::IdentificationCompleted),
];

enum Act {
    /// The person follows the link.
    Start,
    /// The vendor tells of the first step by itself.
    Wait,
    /// The person passes a step.
    Pass(&'static str),
    /// The vendor decides.
    Accept,
}

/// Tells it to the end.
pub(super) async fn tell(
    stage: &Stage,
    person: &Person,
    events: &mut Subscriber,
    renderer: Renderer,
) -> Result<(), Box<dyn Error>> {
    say(&format!("\n{}", renderer.heading(TITLE)))?;
    for kind in [VendorWebhookKind::Tickets, VendorWebhookKind::Invitations] {
        register_webhook(stage.channel(), kind).await?;
    }
    say("  webhooks registered at the vendor for tickets and invitations: Basic, AES-256")?;
    let name = invite(stage.channel()).await?;
    events.expect(&name, EventType::IdentificationCreated).await?;
    let mut last = Event::default();
    for (act, expected) in &ACTS {
        match act {
            Act::Start => person.follow_invitation(MAIL).await?,
            Act::Wait => {}
            Act::Pass(step) => person.pass(MAIL, step).await?,
            Act::Accept => person.accept(MAIL).await?,
        }
        last = events.expect(&name, *expected).await?;
    }
    match decided(&last) {
        Some(Outcome::Verified) => Ok(()),
        other => Err(format!("{TITLE} ended with {other:?}").into()),
    }
}

async fn register_webhook(channel: Channel, kind: VendorWebhookKind) -> Result<(), Box<dyn Error>> {
    let request = RegisterVendorWebhookRequest {
        parent: INVITING.to_owned(),
        kind: kind.into(),
        authentication: WebhookAuthentication::Basic.into(),
        vendor_events: Vec::new(),
        encrypted: true,
    };
    let registered = WebhookServiceClient::new(channel).register_vendor_webhook(request).await?.into_inner();
    let webhook = registered.vendor_webhook.ok_or("the gateway answered without a webhook")?;
    if webhook.managed && webhook.encrypted {
        return Ok(());
    }
    Err(format!("{} does not lead here encrypted", webhook.name).into())
}

async fn invite(channel: Channel) -> Result<String, Box<dyn Error>> {
    let invitation = InvitationSpec {
        delivery_method: DeliveryMethod::Email.into(),
        deliver: true,
        flow: FLOW.to_owned(),
        ..InvitationSpec::default()
    };
    let request = CreateIdentificationRequest {
        parent: INVITING.to_owned(),
        external_reference: "demo-invitation".to_owned(),
        subject: Some(Subject { email: MAIL.to_owned(), ..Subject::default() }),
        spec: Some(IdentificationSpec { kind: Some(identification_spec::Kind::Invitation(invitation)) }),
        ..CreateIdentificationRequest::default()
    };
    let created =
        IdentificationServiceClient::new(channel).create_identification(request).await?.into_inner();
    Ok(created.identification.ok_or("the gateway answered without an identification")?.name)
}
