"""Client of idv-gateway: calls that are safe to repeat, errors that say what to do, a watch that loses nothing.

The contract itself is in the package `idvgateway`, generated; this one only helps with what every caller needs.
"""

from idv_gateway.backoff import Backoff
from idv_gateway.calls import call
from idv_gateway.channel import CHANNEL_OPTIONS
from idv_gateway.cursor import FileCursor
from idv_gateway.errors import (
    CallerRefused,
    CursorEpochMismatch,
    CursorExpired,
    CursorMalformed,
    CursorRefused,
    GatewayError,
    Violation,
)
from idv_gateway.watch import Watch

__all__ = [
    "CHANNEL_OPTIONS",
    "Backoff",
    "CallerRefused",
    "CursorEpochMismatch",
    "CursorExpired",
    "CursorMalformed",
    "CursorRefused",
    "FileCursor",
    "GatewayError",
    "Violation",
    "Watch",
    "call",
]
