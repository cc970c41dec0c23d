//! What `demo --keep` prints: lines to paste.

use idv_gateway::rpc::purpose::METADATA;

use crate::commands::demo::stage::Stage;
use crate::commands::output::{OutputEnded, say};
use crate::commands::render::Renderer;
use crate::commands::trial::{CONNECTION, FACES, INVITING, PURPOSE};

/// Prints how to go on by hand.
pub(super) fn print(stage: &Stage, renderer: Renderer) -> Result<(), OutputEnded> {
    let grpc = stage.addresses().grpc;
    let sandbox = stage.sandbox_url();
    let admin = stage.addresses().admin;
    let heading = renderer.heading("The demo stays until Ctrl-C. From another terminal:");
    say(&format!("\n{heading}"))?;
    say(&format!(
        r#"
# every event so far, then live (reflection is on: no .proto files needed)
grpcurl -plaintext -d '{{"start_position":"START_POSITION_EARLIEST"}}' {grpc} idvgateway.v1.EventService/WatchEvents

# create an identification, and read it with its start links
grpcurl -plaintext -d '{{"parent":"{CONNECTION}","subject":{{"given_name":"Erika"}},"spec":{{"auto_ident":{{}}}}}}' \
  {grpc} idvgateway.v1.IdentificationService/CreateIdentification
grpcurl -plaintext -d '{{"name":"NAME","view":"IDENTIFICATION_VIEW_FULL"}}' \
  {grpc} idvgateway.v1.IdentificationService/GetIdentification

# be the person and the reviewer; UUID is the last part of NAME
curl -sS -X POST {sandbox}/control/identifications/UUID/start  -H 'content-type: application/json' -d '{{"channel":"WEB"}}'
curl -sS -X POST {sandbox}/control/identifications/UUID/submit -H 'content-type: application/json' -d '{{"result":"CHECK_PENDING"}}'
curl -sS -X POST {sandbox}/control/identifications/UUID/review -H 'content-type: application/json' -d '{{"result":"SUCCESS"}}'

# invite somebody at the other vendor, and be that person: the sandbox sends no mail
grpcurl -plaintext -d '{{"parent":"{INVITING}","subject":{{"email":"erika@example.com"}},"spec":{{"invitation":{{"delivery_method":"DELIVERY_METHOD_EMAIL","deliver":true,"flow":"WF-07"}}}}}}' \
  {grpc} idvgateway.v1.IdentificationService/CreateIdentification
curl -sS -X POST {sandbox}/control/preventor/invitations/erika@example.com/start    -H 'content-type: application/json' -d '{{}}'
curl -sS -X POST {sandbox}/control/preventor/invitations/erika@example.com/step     -H 'content-type: application/json' -d '{{"sub_event":"verification.liveness","disposition":"PASSED"}}'
curl -sS -X POST {sandbox}/control/preventor/invitations/erika@example.com/complete -H 'content-type: application/json' -d '{{"flow_status":"ACCEPTED"}}'
grpcurl -plaintext -d '{{"parent":"{INVITING}"}}' {grpc} idvgateway.v1.WebhookService/ListVendorWebhooks

# tell a compliance platform of a customer, and see what it was told
grpcurl -plaintext -H '{METADATA}: {PURPOSE}' -d '{{"parent":"{FACES}","customer":{{"full_name":"ERIKA BEISPIEL"}},"client":{{"ip_address":"192.0.2.7"}}}}' \
  {grpc} idvgateway.onboarding.v1.OnboardingService/CreateCustomer
curl -sS {sandbox}/control/preventor-open/requests

# the same events in a terminal, resumable
idv-gateway watch --server http://{grpc} --earliest --cursor-file demo.cursor

# Python: pip install grpcio-tools, then from the repository
stubs=$(mktemp -d)
python3 -m grpc_tools.protoc -Iproto --python_out=$stubs --grpc_python_out=$stubs $(find proto -name '*.proto')
PYTHONPATH=$stubs python3 - <<'PY'
import grpc
from idvgateway.v1 import event_service_pb2, event_service_pb2_grpc
stub = event_service_pb2_grpc.EventServiceStub(grpc.insecure_channel("{grpc}"))
for message in stub.WatchEvents(event_service_pb2.WatchEventsRequest(start_position="START_POSITION_EARLIEST")):
    print(message.cursor, message.event.type, message.event.subject)
PY

# readiness and metrics; configuration and data of this demo
curl -sS http://{admin}/readyz http://{admin}/metrics
ls {folder}"#,
        folder = stage.folder().display(),
    ))
}
