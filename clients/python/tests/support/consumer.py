"""A consumer to be killed: consumer.py GRPC_ADDRESS CURSOR_FILE HANDLED_FILE ORDER [DIES_AT].

Handles an event by adding its id to HANDLED_FILE. ORDER is "handle-first", or "store-first", which is wrong. With
DIES_AT it kills itself between the two steps of that event, counted from 1. SIGTERM ends it in order.
"""

import os
import signal
import sys
from functools import partial

import grpc

from idv_gateway import CHANNEL_OPTIONS, FileCursor, Watch
from idvgateway.v1.event_pb2 import Event
from idvgateway.v1.event_service_pb2 import START_POSITION_EARLIEST, WatchEventsRequest
from idvgateway.v1.event_service_pb2_grpc import EventServiceStub


def main(address: str, cursor_file: str, handled_file: str, order: str, dies_at: str = "0") -> None:
    cursor = FileCursor(cursor_file)
    handled = os.open(handled_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    request = WatchEventsRequest(start_position=START_POSITION_EARLIEST, consumer="killed")
    count = 0

    with grpc.insecure_channel(address, options=[*CHANNEL_OPTIONS, ("grpc.enable_http_proxy", 0)]) as channel:
        watch = Watch(EventServiceStub(channel), request, after=cursor.load())
        signal.signal(signal.SIGTERM, lambda *_: watch.stop())
        for message in watch:
            if not message.HasField("event"):
                cursor.store(message.cursor)
                continue
            count += 1
            handling = partial(handle, handled, message.event)
            storing = partial(cursor.store, message.cursor)
            first, second = (handling, storing) if order == "handle-first" else (storing, handling)
            first()
            if count == int(dies_at):
                os.kill(os.getpid(), signal.SIGKILL)
            second()


def handle(handled: int, event: Event) -> None:
    os.write(handled, f"{event.event_id}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
