//! The story of a contract: defined, uploaded, signed, downloaded and checked.

use std::error::Error;

use aws_lc_rs::digest::{SHA256, digest};
use idv_gateway::proto::document_signing_service_client::DocumentSigningServiceClient;
use idv_gateway::proto::download_signed_document_response::Part;
use idv_gateway::proto::upload_document_request::Part as Sent;
use idv_gateway::proto::{
    CreateDocumentDefinitionRequest, DocumentDefinition, DownloadSignedDocumentRequest, UploadDocumentHeader,
    UploadDocumentRequest,
};
use idv_gateway::rpc::purpose::METADATA;
use tonic::Request;
use tonic::transport::Channel;

use crate::commands::trial::{CONNECTION, PURPOSE};

const DEFINITION: &str = "contract";
const PDF: &str = "application/pdf";
/// A page without anything on it.
const CONTRACT: &[u8] = b"%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj
trailer<</Root 1 0 R>>
%%EOF
";

/// Says what kind of document people sign.
pub(super) async fn define(channel: Channel) -> Result<(), Box<dyn Error>> {
    let request = CreateDocumentDefinitionRequest {
        parent: CONNECTION.to_owned(),
        document_definition_id: DEFINITION.to_owned(),
        document_definition: Some(DocumentDefinition {
            display_name: "Contract".to_owned(),
            media_type: PDF.to_owned(),
            ..DocumentDefinition::default()
        }),
        ..CreateDocumentDefinitionRequest::default()
    };
    DocumentSigningServiceClient::new(channel).create_document_definition(request).await?;
    Ok(())
}

/// Uploads the contract that the person of `identification` is to sign.
pub(super) async fn upload(channel: Channel, identification: &str) -> Result<(), Box<dyn Error>> {
    let header = UploadDocumentHeader {
        name: format!("{identification}/documents/{DEFINITION}"),
        size_bytes: i64::try_from(CONTRACT.len())?,
        sha256: sha256(CONTRACT),
        media_type: PDF.to_owned(),
        ..UploadDocumentHeader::default()
    };
    let parts = [Sent::Header(header), Sent::Chunk(CONTRACT.to_vec())];
    let parts = parts.map(|part| UploadDocumentRequest { part: Some(part) });
    DocumentSigningServiceClient::new(channel).upload_document(tokio_stream::iter(parts)).await?;
    Ok(())
}

/// Downloads what was signed and checks that it came whole; a line about it.
pub(super) async fn download(channel: Channel, identification: &str) -> Result<String, Box<dyn Error>> {
    let name = format!("{identification}/documents/{DEFINITION}");
    let mut request = Request::new(DownloadSignedDocumentRequest { name, read_offset: 0 });
    request.metadata_mut().insert(METADATA, PURPOSE.parse()?);
    let stream = DocumentSigningServiceClient::new(channel).download_signed_document(request).await?;
    let (mut stream, mut signed, mut said) = (stream.into_inner(), Vec::new(), Vec::new());
    while let Some(message) = stream.message().await? {
        match message.part {
            Some(Part::Chunk(chunk)) => signed.extend(chunk),
            Some(Part::Trailer(trailer)) => said = trailer.sha256,
            Some(Part::Header(_)) | None => {}
        }
    }
    if said != sha256(&signed) || !signed.starts_with(CONTRACT) {
        return Err("the signed contract is not what was uploaded, or did not come whole".into());
    }
    Ok(format!("signed contract downloaded: {} bytes, SHA-256 as the trailer says", signed.len()))
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}
