//! The story of a biometric enrolment: a user, two pictures, and what the vendor finds in them.

use std::error::Error;

use idv_gateway::proto::ClientContext;
use idv_gateway::proto::biometrics::biometrics_service_client::BiometricsServiceClient;
use idv_gateway::proto::biometrics::upload_biometric_images_request::Part;
use idv_gateway::proto::biometrics::{
    BiometricImageHeader, BiometricImageKind, BiometricPurpose, CreateBiometricUserRequest,
    EnrollBiometricUserRequest, EnrollBiometricUserResponse, UploadBiometricImagesHeader,
    UploadBiometricImagesRequest,
};
use idv_gateway::rpc::purpose::METADATA;
use idv_gateway::sandbox::jpeg;
use tonic::Request;
use tonic::transport::Channel;

use crate::commands::demo::stage::Stage;
use crate::commands::output::say;
use crate::commands::render::Renderer;
use crate::commands::trial::{FACES, PURPOSE};

const TITLE: &str = "8. Biometrics: a user, two pictures, and what is found in them";
const PICTURES: [(BiometricImageKind, u8); 2] =
    [(BiometricImageKind::Portrait, 160), (BiometricImageKind::Document, 90)];
const JPEG: &str = "image/jpeg";

/// Tells it to the end. It makes no events: findings go to who asks for them, and nowhere else.
pub(super) async fn tell(stage: &Stage, renderer: Renderer) -> Result<(), Box<dyn Error>> {
    say(&format!("\n{}", renderer.heading(TITLE)))?;
    let mut client = BiometricsServiceClient::new(stage.channel());
    let request = CreateBiometricUserRequest {
        parent: FACES.to_owned(),
        purpose: BiometricPurpose::Onboarding.into(),
        document_type: "ID_CARD".to_owned(),
        client: person(),
        ..CreateBiometricUserRequest::default()
    };
    let user = client.create_biometric_user(request).await?.into_inner().name;
    say("  biometric user created; the gateway keeps the token of the process")?;
    let ticket = upload(&mut client, &user).await?;
    say(&format!("  {} pictures uploaded, looked at before they left", PICTURES.len()))?;
    let mut request = Request::new(EnrollBiometricUserRequest {
        name: user,
        ticket,
        client: person(),
        ..EnrollBiometricUserRequest::default()
    });
    request.metadata_mut().insert(METADATA, PURPOSE.parse()?);
    let found = client.enroll_biometric_user(request).await?.into_inner();
    say(&format!("  {}", findings(&found)?))?;
    Ok(())
}

async fn upload(client: &mut BiometricsServiceClient<Channel>, user: &str) -> Result<String, Box<dyn Error>> {
    let header = UploadBiometricImagesHeader {
        name: user.to_owned(),
        client: person(),
        ..UploadBiometricImagesHeader::default()
    };
    let mut parts = vec![Part::Header(header)];
    for (kind, shade) in PICTURES {
        let picture = jpeg(shade);
        let image = BiometricImageHeader {
            kind: kind.into(),
            media_type: JPEG.to_owned(),
            size_bytes: i64::try_from(picture.len())?,
        };
        parts.extend([Part::Image(image), Part::Chunk(picture)]);
    }
    let parts = parts.into_iter().map(|part| UploadBiometricImagesRequest { part: Some(part) });
    Ok(client.upload_biometric_images(tokio_stream::iter(parts)).await?.into_inner().ticket)
}

/// What was found, in a line without anything about the person.
fn findings(found: &EnrollBiometricUserResponse) -> Result<String, Box<dyn Error>> {
    if !(found.photo_verified && found.liveness_passed && found.enrolled) || found.portrait.is_empty() {
        return Err(format!("{TITLE} ended without an enrolment").into());
    }
    let fields = found.fields.len();
    let portrait = found.portrait.len();
    Ok(format!(
        "enrolled: photo verified, alive; {fields} fields of a document, its portrait of {portrait} bytes"
    ))
}

/// Where the person's request came from: an address that is kept for examples.
fn person() -> Option<ClientContext> {
    Some(ClientContext { ip_address: "192.0.2.7".to_owned(), ..ClientContext::default() })
}
