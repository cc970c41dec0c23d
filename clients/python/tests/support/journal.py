"""The whole journal, read at once with the bare stub."""

from idvgateway.v1.event_service_pb2 import START_POSITION_EARLIEST, WatchEventsRequest
from idvgateway.v1.event_service_pb2_grpc import EventServiceStub
from support.demo import PATIENCE


def ids(stub: EventServiceStub) -> list[str]:
    """The id of every event from the earliest until the reader has caught up."""
    found = []
    stream = stub.WatchEvents(WatchEventsRequest(start_position=START_POSITION_EARLIEST), timeout=PATIENCE)
    for message in stream:
        if message.HasField("event"):
            found.append(message.event.event_id)
        if message.HasField("caught_up"):
            stream.cancel()
            return found
    raise AssertionError("the stream ended before it caught up")
