"""How long to wait before trying again."""

import random
from collections.abc import Callable


class Backoff:
    """Exponential, with full jitter, so that many clients that lost one gateway do not come back as one."""

    def __init__(self, first: float = 0.2, most: float = 10.0, fraction: Callable[[], float] = random.random) -> None:
        """`first` and `most` bound the waits, in seconds; `fraction` yields numbers from 0 up to 1."""
        if not 0 < first <= most:
            raise ValueError("first must be more than 0 and at most most")
        self._first = first
        self._most = most
        self._fraction = fraction
        self._bound = first

    def next(self, at_least: float = 0.0) -> float:
        """The next wait in seconds: what the gateway asked for, and jitter on top."""
        wait = self._fraction() * self._bound
        self._bound = min(2 * self._bound, self._most)
        return at_least + wait

    def reset(self) -> None:
        """Something worked: the next wait is a short one again."""
        self._bound = self._first
