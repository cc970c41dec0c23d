"""What a refused call says, decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from idvgateway.options.v1 import options_pb2
from idvgateway.v1 import error_reason_pb2

DOMAIN = "idv-gateway"
DETAILS_KEY = "grpc-status-details-bin"

REPEATABLE = (options_pb2.RETRY_AFTER_DELAY, options_pb2.RETRY_SAME_REQUEST_ID)

# Codes of a broken connection, a proxy, or a gateway whose reasons this release does not know. What the call did before
# is not known, so it is repeated under the same request_id only.
PASSING = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)

Detail = TypeVar("Detail", bound=Message)


class Violation(NamedTuple):
    """A field of the request that was refused."""

    field: str
    """Its path, for example "subject.nationality"."""
    description: str


class GatewayError(Exception):
    """A call that failed: refused by the gateway, or lost on the way to it."""

    code: grpc.StatusCode
    reason: str
    """A name of the contract's `ErrorReason` without its prefix; empty when something else than the gateway failed."""
    message: str
    retry: options_pb2.Retry
    """What the caller may do, as the contract says for the reason; without a known reason, what the code allows."""
    retry_after: float
    """Seconds to wait at least before repeating; 0 when the gateway did not say."""
    violations: Sequence[Violation]
    metadata: Mapping[str, str]
    """For the operator: "operation"; of a vendor's refusal "vendor_code", "vendor_error_id", "vendor_http_status"."""

    def __init__(self, code: grpc.StatusCode, message: str, details: Sequence[Any] = ()) -> None:
        """What a `google.rpc.Status` holds. `from_rpc_error` is how callers get one."""
        super().__init__(code, message, details)
        info = info_in(details)
        self.code = code
        self.reason = info.reason
        self.message = message
        self.retry = retry_advice(code, info.reason)
        self.retry_after = find(details, error_details_pb2.RetryInfo).retry_delay.ToTimedelta().total_seconds()
        refused = find(details, error_details_pb2.BadRequest).field_violations
        self.violations = tuple(Violation(it.field, it.description) for it in refused)
        self.metadata = dict(info.metadata)

    def __str__(self) -> str:
        """One line for a log. The gateway puts no personal data into its messages."""
        return f"{self.reason or self.code.name}: {self.message}"

    @property
    def repeatable(self) -> bool:
        """Whether the same call may succeed later; one that changes something needs the same request_id."""
        return self.retry in REPEATABLE

    @staticmethod
    def from_rpc_error(error: grpc.RpcError) -> GatewayError:
        """Decodes what a stub raised. The result's class tells the reasons that callers treat apart."""
        if not isinstance(error, grpc.Call):
            return GatewayError(grpc.StatusCode.UNKNOWN, str(error))
        details = details_of(error)
        kind = KINDS.get(info_in(details).reason, GatewayError)
        return kind(error.code(), error.details() or "", details)


class CursorRefused(GatewayError):
    """The cursor is no place in this journal."""


class CursorExpired(CursorRefused):
    """Older than what the journal keeps. Start again from a snapshot: events between were missed."""


class CursorEpochMismatch(CursorRefused):
    """Of a journal that was replaced. Start again from a snapshot: events between may have been missed."""


class CursorMalformed(CursorRefused):
    """Not one that the gateway gave out: find out what stored it."""


class CallerRefused(GatewayError):
    """The gateway does not know the caller, or does not let it do this."""


KINDS: Mapping[str, type[GatewayError]] = {
    "CURSOR_EXPIRED": CursorExpired,
    "CURSOR_EPOCH_MISMATCH": CursorEpochMismatch,
    "CURSOR_MALFORMED": CursorMalformed,
    "CALLER_UNAUTHENTICATED": CallerRefused,
    "CALLER_FORBIDDEN": CallerRefused,
}


def retry_advice(code: grpc.StatusCode, reason: str) -> options_pb2.Retry:
    """What the contract says for `reason`. A reason it does not have yet is judged by `code`."""
    value = error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name.get(f"ERROR_REASON_{reason}")
    if value is not None:
        # The generated stub and the library's disagree about the type of an extension.
        return value.GetOptions().Extensions[options_pb2.error].retry  # type: ignore[index]
    return options_pb2.RETRY_SAME_REQUEST_ID if code in PASSING else options_pb2.RETRY_AFTER_FIX


def details_of(call: grpc.Call) -> Sequence[Any]:
    """The details of a call's status; none when something on the way made the status."""
    for key, value in call.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return tuple(status_pb2.Status.FromString(value).details)
            except DecodeError:
                return ()
    return ()


def info_in(details: Sequence[Any]) -> error_details_pb2.ErrorInfo:
    """The gateway's own reason; an empty one when it is another's."""
    info = find(details, error_details_pb2.ErrorInfo)
    return info if info.domain == DOMAIN else error_details_pb2.ErrorInfo()


def find(details: Sequence[Any], kind: type[Detail]) -> Detail:
    """The first detail of a kind; an empty one when there is none."""
    found = kind()
    for packed in details:
        if packed.TypeName() == kind.DESCRIPTOR.full_name:
            try:
                packed.Unpack(found)
            except DecodeError:
                return kind()
            return found
    return found
