"""A gateway to test against: `idv-gateway demo --keep`, with a person to act in its sandbox."""

import json
import os
import re
import signal
import subprocess
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from idv_gateway import call
from idvgateway.v1.identification_pb2 import IDENTIFICATION_STATE_COMPLETED, Identification
from idvgateway.v1.identification_service_pb2 import CreateIdentificationRequest, WaitIdentificationRequest
from idvgateway.v1.identification_service_pb2_grpc import IdentificationServiceStub

CONNECTION = "connections/demobank"
PATIENCE = 60.0
"""Seconds after which a test gives up waiting. Nothing is measured by it."""

# Tests talk to this machine only, whatever proxy the environment names.
DIRECT = ("grpc.enable_http_proxy", 0)

Act = tuple[str, dict[str, str]]
START: Act = ("start", {})
SUBMIT: Act = ("submit", {"result": "CHECK_PENDING"})
APPROVE: Act = ("review", {"result": "SUCCESS"})


class Demo(NamedTuple):
    grpc: str
    """Host and port of the gRPC door."""
    sandbox: str
    """URL of the vendor's stand-in."""

    def act(self, name: str, *acts: Act) -> None:
        """Acts as the person and the reviewer of the identification `name`."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for act, body in acts:
            url = f"{self.sandbox}/control/identifications/{name.rsplit('/', 1)[1]}/{act}"
            headers = {"content-type": "application/json"}
            request = urllib.request.Request(url, json.dumps(body).encode(), headers)
            opener.open(request, timeout=PATIENCE).close()


@contextmanager
def demo(folder: Path) -> Iterator[Demo]:
    """Runs it with its data in `folder` and ends it in order."""
    program = Path(__file__).parents[4] / os.environ.get("IDV_GATEWAY", "target/debug/idv-gateway")
    command = [str(program), "demo", "--keep"]
    environment = os.environ | {"TMPDIR": str(folder), "NO_COLOR": "1"}
    # Were it to outlive a run that was cut off, it must not hold what the run was printing to.
    complaints = folder / "stderr"
    with (
        complaints.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment) as process,
    ):
        assert process.stdout is not None
        guard = threading.Timer(PATIENCE, process.kill)
        guard.start()
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("ls "):
                break
        guard.cancel()
        try:
            grpc = re.search(r"^gateway .*gRPC http://(\S+)", said, re.MULTILINE)
            sandbox = re.search(r"^sandbox .*(http://\S+)", said, re.MULTILINE)
            assert grpc, said + complaints.read_text()
            assert sandbox, said + complaints.read_text()
            yield Demo(grpc.group(1), sandbox.group(1))
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0


def creation(**fields: object) -> CreateIdentificationRequest:
    """A request that is accepted."""
    wanted = {"parent": CONNECTION, "subject": {"given_name": "Erika"}, "spec": {"auto_ident": {}}} | fields
    return CreateIdentificationRequest(**wanted)  # type: ignore[arg-type]


def create(stub: IdentificationServiceStub) -> Identification:
    return call(stub.CreateIdentification, creation(request_id=str(uuid.uuid4()))).identification


def identify(gateway: Demo, stub: IdentificationServiceStub) -> None:
    """Identifies somebody from the first to the last event: CREATED, STARTED, SUBMITTED, COMPLETED."""
    name = create(stub).name
    gateway.act(name, START, SUBMIT, APPROVE)
    # What was done may take its time to become events.
    decided = WaitIdentificationRequest(name=name, states=[IDENTIFICATION_STATE_COMPLETED])
    assert not call(stub.WaitIdentification, decided).timed_out
