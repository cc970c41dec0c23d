"""The event stream, across every break."""

import contextlib
import logging
import queue
from collections.abc import Generator, Iterator

import grpc

from idv_gateway.backoff import Backoff
from idv_gateway.errors import GatewayError
from idv_gateway.watchdog import Watchdog
from idvgateway.v1.event_service_pb2 import WatchEventsRequest, WatchEventsResponse
from idvgateway.v1.event_service_pb2_grpc import EventServiceStub

FIRST_MESSAGE_WITHIN = 20.0
"""Seconds. WatchStarted is sent at once; connecting may take its time."""

log = logging.getLogger("idv_gateway")


class Watch:
    """Iterates over the messages of WatchEvents as if the stream never broke.

        for message in Watch(stub, request, after=cursor.load()):
            if message.HasField("event"):
                handle(message.event)
            if message.cursor:
                cursor.store(message.cursor)

    Store a message's cursor once the message is handled, not before, and of every kind of message: heartbeats move the
    place of a reader whose filter drops everything. A process that is killed handles at most one event twice, the one
    in hand; `event_id` tells a repeat.

    A break is mended with a new stream after the last message that was taken and returned from; `log` says so. Inside a
    snapshot there are no cursors: when it breaks, it begins again, with a new `started`.

    Raises GatewayError for a refusal that waiting cannot mend: CursorExpired, CursorEpochMismatch, CursorMalformed,
    CallerRefused, and others by their `reason`. Ends only after `stop`.
    """

    def __init__(
        self,
        stub: EventServiceStub,
        request: WatchEventsRequest | None = None,
        *,
        after: str | None = None,
        grace: float = 10.0,
        backoff: Backoff | None = None,
    ) -> None:
        """`after`, a stored cursor, goes before the start that `request` names, which holds until there is one.

        A stream is given up when for its heartbeat interval and `grace` more seconds nothing has come.
        """
        self._stub = stub
        self._request = WatchEventsRequest()
        if request is not None:
            self._request.CopyFrom(request)
        if after:
            self._request.after_cursor = after
        self._grace = grace
        self._backoff = backoff or Backoff()
        self._call: grpc.Call | None = None
        self._stopped = False
        self._silent = False
        # Unlike an Event's set, its put may interrupt its own get: a signal handler may call stop.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()

    def stop(self) -> None:
        """Ends the iteration, from any thread or a signal handler; a message that is in hand can still be stored."""
        self._stopped = True
        self._wake.put(None)
        if self._call is not None:
            self._call.cancel()

    def __iter__(self) -> Iterator[WatchEventsResponse]:
        """The messages. Not from two threads at once."""
        while not self._stopped:
            try:
                reconnect_after = yield from self._stream()
                wait = self._backoff.next(reconnect_after)
                log.info("the event stream ended; the next begins in %.1f s", wait)
            except grpc.RpcError as error:
                if self._stopped:
                    return
                refusal = GatewayError.from_rpc_error(error)
                if not refusal.repeatable:
                    raise refusal from error
                wait = self._backoff.next(refusal.retry_after)
                why = "silence" if self._silent else refusal.reason or refusal.code.name
                log.warning("the event stream broke: %s; the next begins in %.1f s", why, wait)
            self._pause(wait)

    def _stream(self) -> Generator[WatchEventsResponse, None, float]:
        """One stream. Returns how long the gateway asks to wait before the next, in seconds."""
        self._silent = False
        call = self._stub.WatchEvents(self._request)
        self._call = call
        if self._stopped:
            call.cancel()
        reconnect_after = 0.0
        try:
            with Watchdog(FIRST_MESSAGE_WITHIN, self._give_up) as watchdog:
                while (message := self._next(call, watchdog)) is not None:
                    match message.WhichOneof("message"):
                        case "started":
                            interval = message.started.heartbeat_interval.ToTimedelta()
                            watchdog.patience(interval.total_seconds() + self._grace)
                        case "closing":
                            reconnect_after = message.closing.reconnect_after.ToTimedelta().total_seconds()
                        case _:
                            self._backoff.reset()
                    yield message
                    if message.cursor:
                        self._request.after_cursor = message.cursor
        finally:
            call.cancel()
        return reconnect_after

    @staticmethod
    def _next(messages: Iterator[WatchEventsResponse], watchdog: Watchdog) -> WatchEventsResponse | None:
        """The next message; None after the last."""
        with watchdog.waiting():
            return next(messages, None)

    def _give_up(self) -> None:
        self._silent = True
        if self._call is not None:
            self._call.cancel()

    def _pause(self, seconds: float) -> None:
        with contextlib.suppress(queue.Empty):
            self._wake.get(timeout=seconds)
