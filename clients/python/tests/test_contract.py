"""What the client takes for granted about the contract."""

import importlib
from pathlib import Path

import pytest
from google.protobuf.descriptor import MethodDescriptor

from idvgateway.v1 import event_service_pb2


def unary_methods() -> list[MethodDescriptor]:
    root = Path(event_service_pb2.__file__).parents[2]
    modules = [".".join(it.relative_to(root).with_suffix("").parts) for it in root.glob("idvgateway/**/*_pb2.py")]
    services = [it for name in modules for it in importlib.import_module(name).DESCRIPTOR.services_by_name.values()]
    return [it for service in services for it in service.methods if not (it.client_streaming or it.server_streaming)]


@pytest.mark.parametrize("method", unary_methods(), ids=lambda it: it.full_name)
def test_every_call_with_one_answer_may_be_repeated(method: MethodDescriptor) -> None:
    once = "request_id" in method.input_type.fields_by_name
    assert once or method.GetOptions().idempotency_level, "neither idempotent nor told apart by a request_id"


def test_all_services_are_looked_at() -> None:
    assert {it.containing_service.name for it in unary_methods()} > {"IdentificationService", "BiometricsService"}
