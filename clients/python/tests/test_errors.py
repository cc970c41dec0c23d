import pickle

import grpc
import pytest

from idv_gateway import CallerRefused, CursorEpochMismatch, CursorExpired, CursorMalformed, CursorRefused, GatewayError
from idv_gateway.errors import DETAILS_KEY, PASSING
from idvgateway.options.v1 import options_pb2
from idvgateway.v1.error_reason_pb2 import ErrorReason
from support.refusal import Refusal, info, packed, retry_in

REASONS = [value.name.removeprefix("ERROR_REASON_") for value in ErrorReason.DESCRIPTOR.values if value.number]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_the_contracts_advice(reason: str) -> None:
    error = GatewayError.from_rpc_error(Refusal(grpc.StatusCode.UNAVAILABLE, info(reason)))
    assert error.reason == reason
    assert error.retry != options_pb2.RETRY_UNSPECIFIED
    assert isinstance(error, CursorRefused) == reason.startswith("CURSOR_")
    assert isinstance(error, CallerRefused) == reason.startswith("CALLER_") - (reason == "CALLER_QUOTA_EXCEEDED")


def test_the_advice_is_read_from_the_contract_not_from_the_code() -> None:
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
    slow = GatewayError.from_rpc_error(Refusal(exhausted, info("SLOW_CONSUMER", operation="watch_events"), retry_in(7)))
    assert (slow.retry, slow.retry_after, slow.repeatable) == (options_pb2.RETRY_AFTER_DELAY, 7.0, True)
    assert slow.metadata == {"operation": "watch_events"}
    invalid = GatewayError.from_rpc_error(Refusal(grpc.StatusCode.INTERNAL, info("VENDOR_RESPONSE_INVALID")))
    assert (invalid.retry, invalid.repeatable) == (options_pb2.RETRY_AFTER_FIX, False)


@pytest.mark.parametrize("code", list(grpc.StatusCode))
@pytest.mark.parametrize(
    "said",
    [
        (),
        (info("A_REASON_OF_TOMORROW"),),
        (info("VALIDATION_FAILED", domain="another"),),
    ],
    ids=["nothing", "an unknown reason", "another's reason"],
)
def test_without_a_reason_of_the_contract_the_code_decides(code: grpc.StatusCode, said: tuple[object, ...]) -> None:
    error = GatewayError.from_rpc_error(Refusal(code, *said))  # type: ignore[arg-type]
    assert error.repeatable == (code in PASSING)
    assert error.reason in {"", "A_REASON_OF_TOMORROW"}


@pytest.mark.parametrize(
    "trailers",
    [(), (("x-proxy", b"1"),), ((DETAILS_KEY, b"\xff\xff"),), ((DETAILS_KEY, b""),)],
    ids=["none", "a proxy's", "garbage", "empty"],
)
def test_details_that_cannot_be_read_are_as_none(trailers: tuple[tuple[str, bytes], ...]) -> None:
    error = GatewayError.from_rpc_error(Refusal(grpc.StatusCode.UNAVAILABLE, trailers=trailers or (("a", b""),)))
    assert (error.reason, error.repeatable, str(error)) == ("", True, "UNAVAILABLE: no; try otherwise")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("CURSOR_EXPIRED", CursorExpired),
        ("CURSOR_EPOCH_MISMATCH", CursorEpochMismatch),
        ("CURSOR_MALFORMED", CursorMalformed),
        ("CALLER_FORBIDDEN", CallerRefused),
        ("CALLER_UNAUTHENTICATED", CallerRefused),
        ("STORE_DAMAGED", GatewayError),
    ],
)
def test_reasons_that_callers_treat_apart_have_classes(reason: str, kind: type[GatewayError]) -> None:
    assert type(GatewayError.from_rpc_error(Refusal(grpc.StatusCode.UNKNOWN, info(reason)))) is kind


def test_it_can_be_sent_to_another_process() -> None:
    error = GatewayError.from_rpc_error(Refusal(grpc.StatusCode.OUT_OF_RANGE, info("CURSOR_EXPIRED"), retry_in(3)))
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.retry_after) == (CursorExpired, str(error), 3.0)


def test_something_else_that_grpc_raises_is_an_error_too() -> None:
    error = GatewayError.from_rpc_error(grpc.RpcError("odd"))
    assert (error.code, error.reason, error.message) == (grpc.StatusCode.UNKNOWN, "", "odd")


def test_a_detail_that_is_broken_alone_is_as_none() -> None:
    whole = packed(grpc.StatusCode.UNAVAILABLE, info("SLOW_CONSUMER"))
    broken = whole.replace(b"SLOW_CONSUMER", b"\xff" * len("SLOW_CONSUMER"))
    error = GatewayError.from_rpc_error(Refusal(grpc.StatusCode.UNAVAILABLE, trailers=((DETAILS_KEY, broken),)))
    assert (error.reason, error.repeatable) == ("", True)
