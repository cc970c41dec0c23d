"""Patience, with a clock held by hand; the thread, with none left."""

import threading

from idv_gateway.watchdog import Watchdog
from support.demo import PATIENCE


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_only_time_that_somebody_waits_counts() -> None:
    clock = Clock()
    watchdog = Watchdog(10.0, lambda: None, clock)
    with watchdog.waiting():
        clock.now += 9.0
        assert watchdog.left() == 1.0
    clock.now += 1000.0
    assert watchdog.left() == 10.0
    with watchdog.waiting():
        assert watchdog.left() == 10.0
        clock.now += 11.0
        assert watchdog.left() == 0.0


def test_another_patience_holds_at_once() -> None:
    clock = Clock()
    watchdog = Watchdog(10.0, lambda: None, clock)
    with watchdog.waiting():
        clock.now += 3.0
        watchdog.patience(4.0)
        assert watchdog.left() == 1.0


def test_it_barks_once_when_patience_has_run_out() -> None:
    barked = threading.Semaphore(0)
    with Watchdog(PATIENCE, barked.release) as watchdog, watchdog.waiting():
        watchdog.patience(0.0)
        assert barked.acquire(timeout=PATIENCE)
    assert not barked.acquire(blocking=False)


def test_nobody_hears_it_after_the_end() -> None:
    clock = Clock()
    barks: list[str] = []
    with Watchdog(10.0, lambda: barks.append("wuff"), clock), Watchdog(10.0, lambda: None, clock):
        pass
    clock.now += 1000.0
    assert barks == []
