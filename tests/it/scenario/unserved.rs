//! What the contract has and this release does not serve yet says so.

use http::uri::PathAndQuery;
use idv_gateway::proto::DESCRIPTORS;
use idv_gateway::rpc::SERVICES;
use idv_gateway::rpc::purpose::METADATA;
use prost_reflect::DescriptorPool;
use tonic::Code;
use tonic_prost::ProstCodec;

use super::house::House;
use super::words::PURPOSE;

const SERVED: &[&str] = &[
    "idvgateway.v1.IdentificationService.CreateIdentification",
    "idvgateway.v1.IdentificationService.GetIdentification",
    "idvgateway.v1.IdentificationService.ListIdentifications",
    "idvgateway.v1.IdentificationService.WaitIdentification",
    "idvgateway.v1.IdentificationService.RefreshIdentification",
    "idvgateway.v1.IdentificationService.AdoptIdentification",
    "idvgateway.v1.IdentificationService.GetIdentificationResult",
    "idvgateway.v1.IdentificationService.ListArtifacts",
    "idvgateway.v1.IdentificationService.DownloadArtifact",
    "idvgateway.v1.IdentificationService.UpdateIdentification",
    "idvgateway.v1.IdentificationService.CancelIdentification",
    "idvgateway.v1.IdentificationService.RestartIdentification",
    "idvgateway.v1.IdentificationService.CopyIdentification",
    "idvgateway.v1.IdentificationService.ArchiveIdentification",
    "idvgateway.v1.IdentificationService.DeleteIdentification",
    "idvgateway.v1.IdentificationService.GetBindingKey",
    "idvgateway.v1.IdentificationService.CheckInvitation",
    "idvgateway.v1.IdentificationService.SendInvitation",
    "idvgateway.v1.IdentificationService.ListActivities",
    "idvgateway.v1.ConnectionService.ListConnections",
    "idvgateway.v1.ConnectionService.GetConnection",
    "idvgateway.v1.ConnectionService.CheckConnection",
    "idvgateway.v1.ConnectionService.ReconcileConnection",
    "idvgateway.v1.ConnectionService.IssueClientToken",
    "idvgateway.v1.ConnectionService.ListUndecodableAnswers",
    "idvgateway.v1.EventService.WatchEvents",
    "idvgateway.v1.EventService.PollEvents",
    "idvgateway.v1.EventService.GetEventLog",
    "idvgateway.v1.WebhookService.ListVendorWebhooks",
    "idvgateway.v1.WebhookService.RegisterVendorWebhook",
    "idvgateway.v1.WebhookService.DeleteVendorWebhook",
    "idvgateway.v1.WebhookService.ListWebhookDeliveries",
    "idvgateway.v1.WebhookService.GetWebhookDelivery",
    "idvgateway.v1.WebhookService.ReplayWebhookDelivery",
    "idvgateway.v1.DocumentSigningService.CreateDocumentDefinition",
    "idvgateway.v1.DocumentSigningService.GetDocumentDefinition",
    "idvgateway.v1.DocumentSigningService.ListDocumentDefinitions",
    "idvgateway.v1.DocumentSigningService.UpdateDocumentDefinition",
    "idvgateway.v1.DocumentSigningService.DeleteDocumentDefinition",
    "idvgateway.v1.DocumentSigningService.UploadDefaultDocument",
    "idvgateway.v1.DocumentSigningService.DownloadDefaultDocument",
    "idvgateway.v1.DocumentSigningService.UploadDocument",
    "idvgateway.v1.DocumentSigningService.GetDocument",
    "idvgateway.v1.DocumentSigningService.ListDocuments",
    "idvgateway.v1.DocumentSigningService.UpdateDocument",
    "idvgateway.v1.DocumentSigningService.DownloadSignedDocument",
    "idvgateway.v1.TicketService.GetTicket",
    "idvgateway.v1.TicketService.ListTickets",
    "idvgateway.v1.TicketService.DownloadTicketImages",
    "idvgateway.onboarding.v1.OnboardingService.CreateCustomer",
    "idvgateway.onboarding.v1.OnboardingService.GetCustomer",
    "idvgateway.onboarding.v1.OnboardingService.UpdateCustomer",
    "idvgateway.onboarding.v1.OnboardingService.DeleteCustomer",
    "idvgateway.onboarding.v1.OnboardingService.CreateAccount",
    "idvgateway.onboarding.v1.OnboardingService.UpdateAccount",
    "idvgateway.onboarding.v1.OnboardingService.DeleteAccount",
    "idvgateway.onboarding.v1.OnboardingService.RegisterTransaction",
    "idvgateway.biometrics.v1.BiometricsService.CreateBiometricUser",
    "idvgateway.biometrics.v1.BiometricsService.UploadBiometricImages",
    "idvgateway.biometrics.v1.BiometricsService.EnrollBiometricUser",
];

#[tokio::test]
async fn every_method_of_a_later_release_says_so() {
    let house = House::silent().await;
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    for service in pool.services() {
        let known = SERVICES.contains(&service.full_name());
        for method in service.methods().filter(|method| !SERVED.contains(&method.full_name())) {
            assert!(!known, "{}: a service is served whole", method.full_name());
            let path = format!("/{}/{}", service.full_name(), method.name());
            let mut client = tonic::client::Grpc::new(house.channel.clone());
            client.ready().await.unwrap();
            let codec = ProstCodec::<(), ()>::default();
            let mut request = tonic::Request::new(());
            request.metadata_mut().insert(METADATA, PURPOSE.parse().unwrap());
            let path = PathAndQuery::try_from(path).unwrap();
            let status = client.unary(request, path, codec).await.unwrap_err();
            assert_eq!(status.code(), Code::Unimplemented, "{}", method.full_name());
        }
    }
    assert_eq!(house.see("statistics").await["by_path"], serde_json::json!({}));
}
