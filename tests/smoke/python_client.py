"""A client that is not Rust: python_client.py GRPC_ADDRESS SANDBOX_URL, against `idv-gateway demo --keep`.

Uses nothing but the .proto files and the libraries in requirements.txt, as any caller would.
"""

import glob
import json
import subprocess
import sys
import tempfile
import urllib.request
import uuid

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# Stubs from the contract, in a folder that goes with the process.
folder = tempfile.TemporaryDirectory()
outputs = [f"--{kind}={folder.name}" for kind in ("python_out", "grpc_python_out")]
files = glob.glob("proto/**/*.proto", recursive=True)
subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-Iproto", *outputs, *files], check=True)
sys.path.insert(0, folder.name)

from idvgateway.v1 import event_pb2, event_service_pb2 as watch_pb2, event_service_pb2_grpc  # noqa: E402
from idvgateway.v1 import common_pb2, identification_pb2  # noqa: E402
from idvgateway.v1 import identification_service_pb2 as ident_pb2, identification_service_pb2_grpc  # noqa: E402

DEADLINE_SECONDS = 20
CONNECTION = "connections/demobank"


def main(address, sandbox):
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        identifications = identification_service_pb2_grpc.IdentificationServiceStub(channel)
        events = event_service_pb2_grpc.EventServiceStub(channel)

        name = creates_once(identifications)
        go_through(sandbox, name)
        seen = watches_until_completed(events, name)
        resumes(events, name, seen)
        sees_the_decision(identifications, name)
        decodes_errors(identifications)


def creates_once(identifications):
    request = ident_pb2.CreateIdentificationRequest(
        parent=CONNECTION,
        external_reference="smoke",
        subject={"given_name": "Erika", "family_name": "Beispiel"},
        spec={"auto_ident": {}},
        request_id=str(uuid.uuid4()),
    )
    created = identifications.CreateIdentification(request, timeout=DEADLINE_SECONDS)
    again = identifications.CreateIdentification(request, timeout=DEADLINE_SECONDS)
    assert again.replayed and not created.replayed
    assert again.identification.name == created.identification.name
    return created.identification.name


def go_through(sandbox, name):
    """Acts as the person and the reviewer."""
    acts = [("start", {}), ("submit", {"result": "CHECK_PENDING"}), ("review", {"result": "SUCCESS"})]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for act, body in acts:
        url = f"{sandbox}/control/identifications/{name.rsplit('/', 1)[1]}/{act}"
        headers = {"content-type": "application/json"}
        opener.open(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=DEADLINE_SECONDS)


def watch(events, name, **start):
    """Yields (cursor, event) until COMPLETED."""
    request = watch_pb2.WatchEventsRequest(
        filter={"identifications": [name]}, consumer="smoke test in Python", **start
    )
    for message in events.WatchEvents(request, timeout=DEADLINE_SECONDS):
        if message.WhichOneof("message") == "event":
            yield message.cursor, message.event
            if message.event.type == event_pb2.EVENT_TYPE_IDENTIFICATION_COMPLETED:
                return


def watches_until_completed(events, name):
    seen = list(watch(events, name, start_position=watch_pb2.START_POSITION_EARLIEST))
    kinds = [event_pb2.EventType.Name(event.type).removeprefix("EVENT_TYPE_IDENTIFICATION_") for _, event in seen]
    assert kinds == ["CREATED", "STARTED", "SUBMITTED", "COMPLETED"], kinds
    assert [event.revision for _, event in seen] == [1, 2, 3, 4]
    last = seen[-1][1]
    assert (last.evidence, last.environment) == (common_pb2.EVIDENCE_FETCHED, "sandbox")
    decision = last.identification_changed.identification.decision
    assert decision.outcome == identification_pb2.OUTCOME_VERIFIED, decision
    return seen


def resumes(events, name, seen):
    """From every cursor that was handed out but the last, exactly the rest comes."""
    for index, (cursor, _) in enumerate(seen[:-1]):
        rest = [event.event_id for _, event in watch(events, name, after_cursor=cursor)]
        assert rest == [event.event_id for _, event in seen[index + 1 :]], rest


def sees_the_decision(identifications, name):
    got = identifications.GetIdentification(ident_pb2.GetIdentificationRequest(name=name), timeout=DEADLINE_SECONDS)
    assert got.identification.state == identification_pb2.IDENTIFICATION_STATE_COMPLETED, got


def decodes_errors(identifications):
    request = ident_pb2.CreateIdentificationRequest(
        parent=CONNECTION, subject={"nationality": "Germany"}, spec={"auto_ident": {}}
    )
    code, details = refusal(identifications.CreateIdentification, request)
    assert code == grpc.StatusCode.INVALID_ARGUMENT, code
    info = details[error_details_pb2.ErrorInfo]
    assert (info.reason, info.domain) == ("VALIDATION_FAILED", "idv-gateway"), info
    violations = details[error_details_pb2.BadRequest].field_violations
    assert [violation.field for violation in violations] == ["subject.nationality"], violations

    request = ident_pb2.GetIdentificationRequest(name=f"{CONNECTION}/identifications/{uuid.uuid4()}")
    code, details = refusal(identifications.GetIdentification, request)
    assert code == grpc.StatusCode.NOT_FOUND, code
    assert details[error_details_pb2.ErrorInfo].reason == "RESOURCE_NOT_FOUND"


def refusal(method, request):
    """The code and the details, by their type, that a call is refused with."""
    try:
        answer = method(request, timeout=DEADLINE_SECONDS)
    except grpc.RpcError as error:
        details = {}
        for packed in rpc_status.from_call(error).details:
            for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
                if packed.Is(kind.DESCRIPTOR):
                    details[kind] = kind.FromString(packed.value)
        return error.code(), details
    raise AssertionError(f"accepted: {answer}")


if __name__ == "__main__":
    main(*sys.argv[1:])
    print("a Python client created, watched, resumed, and understood its errors")
