"""What a watch makes of everything a stream can do."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta

import grpc
import pytest

from idv_gateway import Backoff, CallerRefused, CursorExpired, GatewayError, Watch
from idv_gateway import watch as watch_module
from idvgateway.v1.event_service_pb2 import (
    START_POSITION_EARLIEST,
    START_POSITION_SNAPSHOT,
    WatchEventsRequest,
    WatchEventsResponse,
)
from idvgateway.v1.event_service_pb2_grpc import EventServiceStub
from support.refusal import info, retry_in
from support.script import (
    Script,
    Step,
    breaks,
    closing,
    event,
    heartbeat,
    is_silent,
    served,
    snapshot_completed,
    snapshot_item,
    started,
)
from support.until import until

EARLIEST = WatchEventsRequest(start_position=START_POSITION_EARLIEST, consumer="tests")
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def endless_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test passes because a stream that should have begun is given up."""
    monkeypatch.setattr(watch_module, "FIRST_MESSAGE_WITHIN", HOUR.total_seconds())


class Patient(Watch):
    """Notes its waits instead of waiting."""

    def __init__(self, *arguments: object, **options: object) -> None:
        backoff = Backoff(first=1.0, most=8.0, fraction=lambda: 1.0)
        super().__init__(*arguments, backoff=backoff, **options)  # type: ignore[arg-type]
        self.waits: list[float] = []

    def _pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        assert len(self.waits) < 100, "it never gives up"


def events_of(watch: Watch, last: str) -> list[str]:
    """The events up to `last`."""
    seen = []
    for message in watch:
        if message.HasField("event"):
            seen.append(message.event.event_id)
        if seen[-1:] == [last]:
            return seen
    raise AssertionError(f"it ended after {seen}")


BREAKS = [
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
]


@pytest.mark.parametrize("code", BREAKS, ids=lambda it: it.name)
def test_after_a_break_it_goes_on_behind_the_last_message(
    code: grpc.StatusCode, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script([started("c0"), event(1), event(2), breaks(code)], [started("c2"), event(3)])
    with served(script) as stub:
        assert events_of(Patient(stub, EARLIEST), "e3") == ["e1", "e2", "e3"]
    assert script.requests[0] == EARLIEST
    assert script.requests[1] == WatchEventsRequest(after_cursor="c2", consumer="tests")
    assert caplog.messages == [f"the event stream broke: {code.name}; the next begins in 1.0 s"]


def test_a_stored_cursor_goes_before_the_start_position() -> None:
    script = Script([started("c7"), event(8)])
    with served(script) as stub:
        assert events_of(Patient(stub, EARLIEST, after="c7"), "e8") == ["e8"]
    assert script.requests == [WatchEventsRequest(after_cursor="c7", consumer="tests")]


def test_a_message_that_was_not_returned_from_is_seen_again() -> None:
    script = Script([started("c0"), event(1), event(2)], [started("c1"), event(2)])
    with served(script) as stub:
        watch = Patient(stub, EARLIEST)
        assert events_of(watch, "e2") == ["e1", "e2"]
        assert events_of(watch, "e2") == ["e2"]
    assert script.requests[1].after_cursor == "c1"


def test_heartbeats_and_the_start_move_the_place() -> None:
    script = Script(
        [started("c0"), breaks(grpc.StatusCode.UNAVAILABLE)],
        [started("c0"), heartbeat("c5"), breaks(grpc.StatusCode.UNAVAILABLE)],
        [started("c5"), event(6)],
    )
    with served(script) as stub:
        events_of(Patient(stub), "e6")
    assert [it.after_cursor for it in script.requests] == ["", "c0", "c5"]


def test_a_snapshot_that_breaks_begins_again_and_one_that_is_whole_does_not() -> None:
    snapshot = WatchEventsRequest(start_position=START_POSITION_SNAPSHOT)
    lost = breaks(grpc.StatusCode.UNAVAILABLE)
    script = Script(
        [started(""), snapshot_item(), lost],
        [started(""), snapshot_item(), snapshot_completed("c4"), lost],
        [started("c4"), event(5)],
    )
    with served(script) as stub:
        kinds = [it.WhichOneof("message") for it in up_to_event(Patient(stub, snapshot))]
    assert kinds == ["started", "snapshot_item", "started", "snapshot_item", "snapshot_completed", "started", "event"]
    assert script.requests[:2] == [snapshot, snapshot]
    assert script.requests[2].after_cursor == "c4"


def up_to_event(watch: Watch) -> list[WatchEventsResponse]:
    seen = []
    for message in watch:
        seen.append(message)
        if message.HasField("event"):
            break
    return seen


def test_waits_grow_until_something_comes_and_respect_what_the_gateway_asks() -> None:
    lost = breaks(grpc.StatusCode.UNAVAILABLE)
    slow = breaks(grpc.StatusCode.RESOURCE_EXHAUSTED, info("SLOW_CONSUMER"), retry_in(30))
    script = Script([lost], [lost], [started("c0"), lost], [started("c0"), event(1), lost], [slow], [event(2)])
    with served(script) as stub:
        watch = Patient(stub, EARLIEST)
        events_of(watch, "e2")
    assert watch.waits == [1.0, 2.0, 4.0, 1.0, 32.0]


def test_a_closing_stream_is_followed_by_another_after_the_time_it_names(caplog: pytest.LogCaptureFixture) -> None:
    minute = timedelta(minutes=1)
    script = Script([started("c0"), event(1), closing("c1", minute)], [started("c1"), event(2)])
    with served(script) as stub:
        watch = Patient(stub, EARLIEST)
        assert events_of(watch, "e2") == ["e1", "e2"]
    assert watch.waits == [61.0]
    assert not [it for it in caplog.records if it.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_EXPIRED", CursorExpired),
        (grpc.StatusCode.PERMISSION_DENIED, "CALLER_FORBIDDEN", CallerRefused),
        (grpc.StatusCode.UNIMPLEMENTED, "CAPABILITY_NOT_SUPPORTED", GatewayError),
    ],
)
def test_what_waiting_cannot_mend_is_raised(code: grpc.StatusCode, reason: str, kind: type[GatewayError]) -> None:
    script = Script([started("c0"), event(1), breaks(code, info(reason, operation="watch_events"))])
    with served(script) as stub:
        watch = Patient(stub, EARLIEST)
        with pytest.raises(kind) as refused:
            events_of(watch, "never")
    assert (refused.value.reason, refused.value.metadata) == (reason, {"operation": "watch_events"})
    assert watch.waits == []


def test_a_stream_that_falls_silent_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    silent: list[Step] = [started("c0", heartbeat=timedelta()), is_silent]
    script = Script(silent, [started("c0", heartbeat=HOUR), event(1)])
    with served(script) as stub:
        assert events_of(Patient(stub, EARLIEST, grace=0.01), "e1") == ["e1"]
    assert caplog.messages == ["the event stream broke: silence; the next begins in 1.0 s"]


def test_a_gateway_that_never_begins_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "FIRST_MESSAGE_WITHIN", 0.1)
    # On a busy machine some that do begin are given up too.
    later: list[list[Step]] = [[started("c0", heartbeat=HOUR), event(1)]] * 50
    with served(Script([is_silent], *later)) as stub:
        assert events_of(Patient(stub, EARLIEST), "e1") == ["e1"]


def test_stop_ends_a_silent_stream_from_another_thread() -> None:
    script = Script([started("c0", heartbeat=HOUR), event(1), is_silent])
    with served(script) as stub:
        watch = Watch(stub, EARLIEST)
        seen = []
        for message in watch:
            seen.append(message.cursor)
            if message.HasField("event"):
                threading.Thread(target=watch.stop).start()
    assert seen == ["c0", "c1"]
    assert len(script.requests) == 1


def test_stop_ends_a_stream_that_is_about_to_open() -> None:
    class Stopping:
        """A stub whose caller is stopped while it opens the stream."""

        def __init__(self, stub: EventServiceStub) -> None:
            self._stub = stub

        def WatchEvents(self, request: WatchEventsRequest) -> Iterator[WatchEventsResponse]:
            watch.stop()
            return self._stub.WatchEvents(request)

    with served(Script([is_silent])) as stub:
        watch = Watch(Stopping(stub), EARLIEST)  # type: ignore[arg-type]
        assert list(watch) == []


def test_stop_ends_a_wait() -> None:
    script = Script([breaks(grpc.StatusCode.UNAVAILABLE, info("GATEWAY_DRAINING"), retry_in(3600))])
    with served(script) as stub:
        watch = Watch(stub, EARLIEST)

        def stop_when_asked() -> None:
            until(lambda: script.requests, "the stream is asked for")
            watch.stop()

        thread = threading.Thread(target=stop_when_asked)
        thread.start()
        assert list(watch) == []
        thread.join()


def test_stop_may_come_from_a_signal_handler() -> None:
    script = Script([started("c0", heartbeat=HOUR), event(1), is_silent])
    with served(script) as stub:
        watch = Watch(stub, EARLIEST)
        before = signal.signal(signal.SIGUSR1, lambda *_: watch.stop())
        try:
            for message in watch:
                if message.HasField("event"):
                    threading.Timer(0, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        finally:
            signal.signal(signal.SIGUSR1, before)


def test_a_stopped_watch_does_not_begin() -> None:
    script = Script()
    with served(script) as stub:
        watch = Watch(stub, EARLIEST)
        watch.stop()
        assert list(watch) == []
    assert script.requests == []
