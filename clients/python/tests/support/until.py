"""Waiting for conditions."""

import time
from collections.abc import Callable

from support.demo import PATIENCE


def until(condition: Callable[[], object], what: str) -> None:
    """Returns as soon as `condition` holds; fails when it never does."""
    gives_up_at = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < gives_up_at, f"never: {what}"
        time.sleep(0.002)
