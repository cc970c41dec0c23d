"""Notices when nothing comes any more."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType


class Watchdog:
    """Calls `bark` once, from a thread of its own, when somebody has waited for longer than `patience` seconds.

    Time that nobody waits does not count: a slow handler is no silent gateway.
    """

    def __init__(
        self, patience: float, bark: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` tells seconds."""
        self._patience = patience
        self._bark = bark
        self._clock = clock
        self._waiting_since: float | None = None
        # What it is woken with: True, look again; False, go away.
        self._wake: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="idv-gateway watchdog", daemon=True)

    def __enter__(self) -> "Watchdog":
        """Starts watching."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops watching; `bark` is not called after this."""
        self._wake.put(False)
        self._thread.join()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside, patience runs out."""
        self._waiting_since = self._clock()
        try:
            yield
        finally:
            self._waiting_since = None

    def patience(self, seconds: float) -> None:
        """Sets another patience."""
        self._patience = seconds
        self._wake.put(True)

    def left(self) -> float:
        """Seconds after which it is worth looking again; 0 when patience has run out."""
        since = self._waiting_since
        if since is None:
            return self._patience
        return max(since + self._patience - self._clock(), 0.0)

    def _run(self) -> None:
        while (left := self.left()) > 0:
            try:
                if not self._wake.get(timeout=left):
                    return
            except queue.Empty:
                continue
        self._bark()
