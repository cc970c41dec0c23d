//! Identifications by a one-time code.

use std::error::Error;

use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::{
    CreateIdentificationRequest, DeliveryMethod, IdentificationSpec, IdentityDocumentType, OtpFactor,
    OtpSpec, PhoneNumber, RefreshIdentificationRequest, Subject, identification_spec,
};
use tonic::transport::Channel;

use crate::commands::demo::stage::CODES;

/// Makes one: its name, and what the vendor calls it.
pub(super) async fn create(channel: Channel) -> Result<(String, String), Box<dyn Error>> {
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
pub(super) async fn ask(channel: Channel, name: &str) -> Result<(), Box<dyn Error>> {
    let request = RefreshIdentificationRequest { name: name.to_owned() };
    IdentificationServiceClient::new(channel).refresh_identification(request).await?;
    Ok(())
}
