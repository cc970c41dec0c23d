import uuid
from collections.abc import Callable

import grpc
import pytest
from google.protobuf.message import Message

from idv_gateway import Backoff, GatewayError, call, calls
from idvgateway.v1.identification_service_pb2 import CreateIdentificationRequest, GetIdentificationRequest
from support.refusal import Refusal, info, retry_in


class Time:
    """Time that passes only in waits, and in calls that take theirs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(calls, "time", time)
    return time


class Method:
    """Refuses as told, then answers "done"."""

    def __init__(self, *refusals: Refusal, takes: Callable[[float], None] = lambda timeout: None) -> None:
        self._refusals = list(refusals)
        self._takes = takes
        self.requests: list[Message] = []
        self.timeouts: list[float] = []

    def __call__(self, request: Message, timeout: float) -> str:
        copy = type(request)()
        copy.CopyFrom(request)
        self.requests.append(copy)
        self.timeouts.append(timeout)
        self._takes(timeout)
        if self._refusals:
            raise self._refusals.pop(0)
        return "done"


def steady() -> Backoff:
    return Backoff(first=1.0, most=1.0, fraction=lambda: 1.0)


UNAVAILABLE = Refusal(grpc.StatusCode.UNAVAILABLE)
UNKNOWN_OUTCOME = Refusal(grpc.StatusCode.UNKNOWN, info("VENDOR_OUTCOME_UNKNOWN"))
DRAINING = Refusal(grpc.StatusCode.UNAVAILABLE, info("GATEWAY_DRAINING"), retry_in(5))
INVALID = Refusal(grpc.StatusCode.INVALID_ARGUMENT, info("VALIDATION_FAILED"))


def test_it_repeats_the_same_request_after_what_was_asked_for(time: Time) -> None:
    method = Method(UNAVAILABLE, UNKNOWN_OUTCOME, DRAINING)
    request = CreateIdentificationRequest(parent="connections/bank", request_id=str(uuid.uuid4()))
    assert call(method, request, backoff=steady()) == "done"  # type: ignore[arg-type]
    assert method.requests == [request] * 4
    assert time.slept == [1.0, 1.0, 6.0]


def test_a_request_without_an_id_gets_one_and_keeps_it(time: Time) -> None:
    request = CreateIdentificationRequest(parent="connections/bank")
    first, second = Method(UNAVAILABLE), Method()
    call(first, request, backoff=steady())  # type: ignore[arg-type]
    call(second, request)  # type: ignore[arg-type]
    sent = {it.request_id for it in [*first.requests, *second.requests]}  # type: ignore[attr-defined]
    assert sent == {request.request_id}
    assert uuid.UUID(request.request_id)


def test_a_refusal_that_repeating_cannot_mend_is_raised_at_once(time: Time) -> None:
    method = Method(INVALID)
    with pytest.raises(GatewayError) as refused:
        call(method, GetIdentificationRequest(name="x"))  # type: ignore[arg-type]
    assert refused.value.reason == "VALIDATION_FAILED"
    assert (len(method.requests), time.slept) == (1, [])


def test_it_gives_up_with_the_last_refusal_and_before_the_time_is_over(time: Time) -> None:
    method = Method(*[UNAVAILABLE] * 9, DRAINING)
    with pytest.raises(GatewayError) as refused:
        call(method, GetIdentificationRequest(name="x"), within=12.0, backoff=steady())  # type: ignore[arg-type]
    assert refused.value.reason == "GATEWAY_DRAINING"
    assert time.now == 9.0


def test_no_try_takes_longer_than_what_is_left(time: Time) -> None:
    def take_all(timeout: float) -> None:
        time.now += timeout

    method = Method(*[Refusal(grpc.StatusCode.DEADLINE_EXCEEDED)] * 9, takes=take_all)
    with pytest.raises(GatewayError):
        call(method, GetIdentificationRequest(name="x"), timeout=5.0, within=15.0, backoff=steady())  # type: ignore[arg-type]
    assert method.timeouts == [5.0, 5.0, 3.0]
    assert time.now == 15.0
