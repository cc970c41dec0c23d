"""A watch through a network that cuts, freezes and delays."""

import itertools
import threading
from collections.abc import Callable, Iterator

import grpc
import pytest

from idv_gateway import CHANNEL_OPTIONS, Backoff, Watch
from idvgateway.v1.event_service_pb2 import START_POSITION_EARLIEST, WatchEventsRequest
from idvgateway.v1.event_service_pb2_grpc import EventServiceStub
from idvgateway.v1.identification_service_pb2_grpc import IdentificationServiceStub
from support import journal
from support.demo import DIRECT, PATIENCE, Demo, identify
from support.history import faults
from support.proxy import Proxy
from support.until import until

# The client's own options, in a hurry.
HURRY = {
    "grpc.keepalive_time_ms": 500,
    "grpc.keepalive_timeout_ms": 500,
    "grpc.http2.ping_timeout_ms": 500,
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 100,
}
OPTIONS = [*(dict([*CHANNEL_OPTIONS, DIRECT]) | HURRY).items()]


@pytest.fixture
def proxy(gateway: Demo) -> Iterator[Proxy]:
    with Proxy(gateway.grpc) as proxy:
        yield proxy


class Reader(threading.Thread):
    """Handles every event, from the earliest, until it is stopped."""

    def __init__(self, stub: EventServiceStub) -> None:
        super().__init__()
        request = WatchEventsRequest(start_position=START_POSITION_EARLIEST)
        self._watch = Watch(stub, request, backoff=Backoff(first=0.01, most=0.1))
        self.handled: list[str] = []

    def run(self) -> None:
        for message in self._watch:
            if message.HasField("event"):
                self.handled.append(message.event.event_id)

    def handles(self, count: int) -> None:
        until(lambda: len(self.handled) >= count, f"{count} events are handled")

    def stop(self) -> None:
        self._watch.stop()
        self.join(PATIENCE)
        assert not self.is_alive()


def delay_then_cut(proxy: Proxy) -> None:
    proxy.delay = 0.01
    proxy.cut()


FAULTS: list[Callable[[Proxy], None]] = [Proxy.cut, Proxy.freeze, delay_then_cut]


@pytest.mark.parametrize("fault", FAULTS, ids=["cut", "frozen", "slow and cut"])
def test_a_watch_hands_out_the_journal_once_whatever_the_network_does(
    fault: Callable[[Proxy], None],
    proxy: Proxy,
    gateway: Demo,
    identifications: IdentificationServiceStub,
    events: EventServiceStub,
) -> None:
    with grpc.insecure_channel(proxy.address, options=OPTIONS) as channel:
        reader = Reader(EventServiceStub(channel))
        reader.start()
        for count in range(1, 4):
            reader.handles(1)
            fault(proxy)
            identify(gateway, identifications)
            written = journal.ids(events)
            reader.handles(len(written))
            assert proxy.accepted > count, "the connection was not replaced"
        reader.stop()
    assert faults(reader.handled, written, kills=0) == []


def test_a_reader_that_comes_back_at_the_end_is_caught(
    gateway: Demo, identifications: IdentificationServiceStub, events: EventServiceStub
) -> None:
    handled = journal.ids(events)
    identify(gateway, identifications)
    # Where the contract begins without a cursor.
    live = events.WatchEvents(WatchEventsRequest(), timeout=PATIENCE)
    assert next(live).HasField("started")
    identify(gateway, identifications)
    written = journal.ids(events)
    handled += (it.event.event_id for it in itertools.islice((it for it in live if it.HasField("event")), 4))
    live.cancel()
    first = len(written) - 8
    assert faults(handled, written, kills=0) == [f"gap: {first} to {first + 3} were not handled"]


def test_what_is_hurried_here_is_what_the_client_sets() -> None:
    assert HURRY.keys() <= dict(CHANNEL_OPTIONS).keys()
