"""Statuses as the gateway makes them."""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from idv_gateway.errors import DETAILS_KEY, DOMAIN


class Refusal(grpc.RpcError, grpc.Call):
    """What a stub raises."""

    def __init__(self, code: grpc.StatusCode, *details: Message, trailers: tuple[tuple[str, bytes], ...] = ()) -> None:
        self._code = code
        self._trailers = trailers or ((DETAILS_KEY, packed(code, *details)),)

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "no; try otherwise"

    def trailing_metadata(self) -> Any:
        return self._trailers

    # The rest of a call that is over.

    def initial_metadata(self) -> Any:
        return ()

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> float:
        return 0.0

    def cancel(self) -> bool:
        return False

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return False


def packed(code: grpc.StatusCode, *details: Message) -> bytes:
    """The value of the trailer that carries details."""
    status = status_pb2.Status(code=code.value[0], message="no; try otherwise")
    for detail in details:
        status.details.add().Pack(detail)
    return bytes(status.SerializeToString())


def info(reason: str, domain: str = DOMAIN, **metadata: str) -> Message:
    made: Message = error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)
    return made


def retry_in(seconds: int) -> Message:
    made: Message = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds))
    return made
