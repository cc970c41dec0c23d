"""The whole journal, read at once with the bare stub."""

from collections.abc import Iterable

from idvgateway.v1.event_pb2 import EVENT_TYPE_IDENTIFICATION_COMPLETED, Event
from idvgateway.v1.event_service_pb2 import START_POSITION_EARLIEST, WatchEventsRequest
from idvgateway.v1.event_service_pb2_grpc import EventServiceStub
from support.demo import PATIENCE
from support.until import until


def read(stub: EventServiceStub) -> list[Event]:
    """Every event from the earliest until the reader has caught up."""
    events = []
    stream = stub.WatchEvents(WatchEventsRequest(start_position=START_POSITION_EARLIEST), timeout=PATIENCE)
    for message in stream:
        if message.HasField("event"):
            events.append(message.event)
        if message.HasField("caught_up"):
            stream.cancel()
            return events
    raise AssertionError("the stream ended before it caught up")


def ids(stub: EventServiceStub) -> list[str]:
    return [event.event_id for event in read(stub)]


def until_completed(stub: EventServiceStub, names: Iterable[str]) -> None:
    """Returns once these identifications are decided: what was done to them may take its time to become events."""
    wanted = set(names)

    def completed() -> bool:
        decided = (it for it in read(stub) if it.type == EVENT_TYPE_IDENTIFICATION_COMPLETED)
        return wanted <= {it.identification for it in decided}

    until(completed, f"{len(wanted)} identifications are completed")
