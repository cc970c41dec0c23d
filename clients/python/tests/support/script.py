"""An EventService that plays a script: what a gateway, or a proxy in front of it, does on each call."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import grpc
from google.protobuf.message import Message

from idv_gateway import CHANNEL_OPTIONS
from idv_gateway.errors import DETAILS_KEY
from idvgateway.v1.event_pb2 import Event
from idvgateway.v1.event_service_pb2 import (
    Heartbeat,
    SnapshotCompleted,
    SnapshotItem,
    StreamClosing,
    WatchEventsRequest,
    WatchEventsResponse,
    WatchStarted,
)
from idvgateway.v1.event_service_pb2_grpc import (
    EventServiceServicer,
    EventServiceStub,
    add_EventServiceServicer_to_server,
)
from support.demo import DIRECT
from support.refusal import packed

Step = WatchEventsResponse | Callable[[grpc.ServicerContext], None]


def started(cursor: str, heartbeat: timedelta = timedelta(seconds=15)) -> Step:
    return WatchEventsResponse(cursor=cursor, started=WatchStarted(heartbeat_interval=heartbeat))


def event(number: int) -> Step:
    return WatchEventsResponse(cursor=f"c{number}", event=Event(event_id=f"e{number}"))


def heartbeat(cursor: str) -> Step:
    return WatchEventsResponse(cursor=cursor, heartbeat=Heartbeat())


def snapshot_item() -> Step:
    return WatchEventsResponse(snapshot_item=SnapshotItem())


def snapshot_completed(cursor: str) -> Step:
    return WatchEventsResponse(cursor=cursor, snapshot_completed=SnapshotCompleted(item_count=1))


def closing(cursor: str, reconnect_after: timedelta) -> Step:
    return WatchEventsResponse(cursor=cursor, closing=StreamClosing(reconnect_after=reconnect_after))


def breaks(code: grpc.StatusCode, *details: Message) -> Step:
    def abort(context: grpc.ServicerContext) -> None:
        if details:
            context.set_trailing_metadata(((DETAILS_KEY, packed(code, *details)),))
        context.abort(code, "no; try otherwise")

    return abort


def is_silent(context: grpc.ServicerContext) -> None:
    """Sends nothing until the client has enough of it."""
    gone = threading.Event()
    if context.add_callback(gone.set):
        gone.wait()


class Script(EventServiceServicer):
    """Plays one list of steps per call. A call too many is refused for good."""

    def __init__(self, *streams: list[Step]) -> None:
        self._streams = iter(streams)
        self.requests: list[WatchEventsRequest] = []

    def WatchEvents(self, request: WatchEventsRequest, context: grpc.ServicerContext) -> Iterator[WatchEventsResponse]:
        self.requests.append(request)
        for step in next(self._streams, [breaks(grpc.StatusCode.FAILED_PRECONDITION)]):
            if isinstance(step, WatchEventsResponse):
                yield step
            else:
                step(context)

    PollEvents = GetEventLog = None  # type: ignore[assignment]


@contextmanager
def served(script: Script) -> Iterator[EventServiceStub]:
    """A stub of a server that plays `script`."""
    server = grpc.server(ThreadPoolExecutor(4))
    add_EventServiceServicer_to_server(script, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=[*CHANNEL_OPTIONS, DIRECT]) as channel:
            yield EventServiceStub(channel)
    finally:
        server.stop(None).wait()
