"""Calls that are repeated until they are answered."""

import time
import uuid
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from idv_gateway.backoff import Backoff
from idv_gateway.errors import GatewayError

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


def call(
    method: "grpc.UnaryUnaryMultiCallable[Request, Response]",
    request: Request,
    *,
    timeout: float = 30.0,
    within: float = 120.0,
    backoff: Backoff | None = None,
) -> Response:
    """Calls `method`, and calls it again while its refusal allows that, for up to `within` seconds.

    Each try may take `timeout` seconds. Every method of the contract with one answer may be repeated: it changes
    nothing, or it does a thing once for a `request_id`. A request whose `request_id` is empty gets one, in place, so
    that passing the same request again is still the same request. To repeat it after a crash, choose the id yourself
    and store it first.

    Raises GatewayError.
    """
    field = request.DESCRIPTOR.fields_by_name.get("request_id")
    if field is not None and not getattr(request, field.name):
        setattr(request, field.name, str(uuid.uuid4()))
    backoff = backoff or Backoff()
    ends_at = time.monotonic() + within
    while True:
        try:
            return method(request, timeout=min(timeout, max(ends_at - time.monotonic(), 0.0)))
        except grpc.RpcError as error:
            refusal = GatewayError.from_rpc_error(error)
            wait = backoff.next(refusal.retry_after)
            if not refusal.repeatable or time.monotonic() + wait >= ends_at:
                raise refusal from error
        time.sleep(wait)
