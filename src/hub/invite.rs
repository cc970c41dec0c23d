//! Invitations that the vendor sends itself.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::hub::Hub;
use crate::hub::capability::offered;
use crate::hub::single::{Effect, Invitation, Single};
use crate::model::change::Target;
use crate::model::name::ConnectionId;
use crate::model::validate::Checks;
use crate::proto::{
    CheckInvitationRequest, CheckInvitationResponse, DeliveryMethod, EventType, IdentificationState as State,
    SendInvitationRequest, SendInvitationResponse,
};
use crate::vendor::Vendor;
use crate::vendor::invitation::Question;
use crate::vendor::keepsake::About;
use crate::vendor::kit::{UNPRINTABLE, printable};

const CHECK: &str = "check_invitation";
const SEND: &str = "send_invitation";
const MAX_TEXT: usize = 255;

impl Hub {
    /// Asks whether somebody can be invited. Nothing is kept.
    pub async fn check_invitation(&self, request: CheckInvitationRequest) -> Result<CheckInvitationResponse> {
        let (connection, question) = parse(request)?;
        let vendor = self.vendor(&connection, CHECK)?;
        let invitations = offered(&*vendor, vendor.invitations(), "invitation", CHECK)?;
        let violations = invitations.check_question(&question);
        if !violations.is_empty() {
            return Err(Error::invalid(CHECK, violations));
        }
        let said = invitations.is_available(&question).await;
        let said = self.note_health(&*vendor, said).await?;
        Ok(CheckInvitationResponse { available: said.available, vendor_code: said.vendor_code })
    }

    /// Has the vendor send the invitation (again). Goes on to the end when the caller goes away.
    pub async fn send_invitation(
        self: &Arc<Self>,
        caller: String,
        request: SendInvitationRequest,
    ) -> Result<SendInvitationResponse> {
        let Target { name, .. } = Target::of_send_invitation(&request)?;
        let vendor = self.vendor(&name.connection, SEND)?;
        offered(&*vendor, vendor.invitations(), "invitation", SEND)?;
        let hub = self.clone();
        self.see_through(SEND, async move { hub.run_single(&caller, &request).await }).await
    }
}

impl Single for SendInvitationRequest {
    const EVENT: EventType = EventType::InvitationSent;

    fn target(&self) -> Result<Target> {
        Target::of_send_invitation(self)
    }

    fn suits(state: State) -> bool {
        matches!(state, State::AwaitingUser | State::InProgress | State::AwaitingRetry | State::Expired)
    }

    async fn send(&self, vendor: &dyn Vendor, about: About<'_>) -> Result<Effect> {
        let sent = offered(vendor, vendor.invitations(), "invitation", SEND)?.send(about).await?;
        let vendor_state = match sent.vendor_state {
            word if word.is_empty() || printable(&word) => word,
            _ => UNPRINTABLE.to_owned(),
        };
        let invitation = Some(Invitation { vendor_state });
        Ok(Effect { invitation, expire_time: sent.expire_time, ..Effect::default() })
    }
}

fn parse(request: CheckInvitationRequest) -> Result<(ConnectionId, Question)> {
    let mut checks = Checks::default();
    let delivery_method = request.delivery_method();
    let CheckInvitationRequest { parent, email, phone, r#type: process, unique, .. } = request;
    let connection = checks.connection("parent", &parent);
    if !matches!(delivery_method, DeliveryMethod::Email | DeliveryMethod::Phone) {
        checks.refuse("delivery_method", "must be EMAIL or PHONE");
    }
    checks.email("email", &email);
    if let Some(phone) = &phone {
        checks.phone("phone", phone);
    }
    checks.reachable(delivery_method, ("email", &email), ("phone", phone.as_ref()));
    checks.text("type", &process, MAX_TEXT);
    checks.text("unique", &unique, MAX_TEXT);
    let Some(connection) = connection else { return Err(checks.refused(CHECK)) };
    checks.finish(CHECK)?;
    Ok((connection, Question { delivery_method, email, phone, process, unique }))
}
