from collections.abc import Iterator

import grpc
import pytest

from idv_gateway import CHANNEL_OPTIONS
from idvgateway.v1.event_service_pb2_grpc import EventServiceStub
from idvgateway.v1.identification_service_pb2_grpc import IdentificationServiceStub
from support.demo import DIRECT, Demo, demo


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="session")
def channel(gateway: Demo) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(gateway.grpc, options=[*CHANNEL_OPTIONS, DIRECT]) as channel:
        yield channel


@pytest.fixture(scope="session")
def identifications(channel: grpc.Channel) -> IdentificationServiceStub:
    return IdentificationServiceStub(channel)


@pytest.fixture(scope="session")
def events(channel: grpc.Channel) -> EventServiceStub:
    return EventServiceStub(channel)
