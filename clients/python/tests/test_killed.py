"""A consumer that is killed at any instant loses nothing."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pytest

from idvgateway.v1.event_service_pb2_grpc import EventServiceStub
from idvgateway.v1.identification_service_pb2_grpc import IdentificationServiceStub
from support import consumer, journal
from support.demo import PATIENCE, Demo, identify
from support.history import faults
from support.until import until

KILLS = 20


class Consumer:
    """Runs one after the other, all with the same cursor and the same record of what was handled."""

    def __init__(self, address: str, folder: Path) -> None:
        self._arguments = [sys.executable, consumer.__file__, address, str(folder / "cursor"), str(folder / "handled")]
        self._record = folder / "handled"

    def handled(self) -> list[str]:
        return self._record.read_text().split() if self._record.exists() else []

    def handles(self, count: int) -> None:
        until(lambda: len(self.handled()) >= count, f"{count} events are handled")

    @contextmanager
    def running(self, order: str = "handle-first", *dies_at: str) -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen([*self._arguments, order, *dies_at]) as process:
            try:
                yield process
            finally:
                process.kill()

    def killed_between_the_steps_of(self, event: int, order: str) -> None:
        with self.running(order, str(event)) as process:
            assert process.wait(PATIENCE) == -signal.SIGKILL

    def runs_to_the_end_of(self, events: list[str]) -> None:
        with self.running() as process:
            until(lambda: self.handled()[-1:] == events[-1:], "the end of the journal is handled")
            process.terminate()
            assert process.wait(PATIENCE) == 0


@pytest.fixture
def killed(gateway: Demo, tmp_path: Path) -> Consumer:
    return Consumer(gateway.grpc, tmp_path)


class Life(threading.Thread):
    """People are identified, one after the other, until it is joined."""

    def __init__(self, gateway: Demo, stub: IdentificationServiceStub) -> None:
        super().__init__()
        self._gateway = gateway
        self._stub = stub
        self._over = threading.Event()
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._over.is_set():
                identify(self._gateway, self._stub)
        except BaseException as error:
            self.failed = error

    def __enter__(self) -> "Life":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.join()
        assert self.failed is None


def test_killed_at_random_instants_it_handles_the_whole_journal(
    gateway: Demo, identifications: IdentificationServiceStub, events: EventServiceStub, killed: Consumer
) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    with Life(gateway, identifications):
        for _ in range(KILLS):
            enough = len(killed.handled()) + chance.randrange(8)
            with killed.running() as process:
                killed.handles(enough)
                process.kill()
                assert process.wait(PATIENCE) == -signal.SIGKILL
    written = journal.ids(events)
    killed.runs_to_the_end_of(written)
    assert faults(killed.handled(), written, kills=KILLS) == []


def test_the_event_in_hand_is_handled_twice_and_no_other(events: EventServiceStub, killed: Consumer) -> None:
    killed.killed_between_the_steps_of(3, "handle-first")
    written = journal.ids(events)
    killed.runs_to_the_end_of(written)
    assert faults(killed.handled(), written, kills=1) == []
    assert killed.handled() == [*written[:3], *written[2:]]


def test_a_cursor_stored_before_handling_is_caught_as_a_gap(events: EventServiceStub, killed: Consumer) -> None:
    killed.killed_between_the_steps_of(3, "store-first")
    written = journal.ids(events)
    killed.runs_to_the_end_of(written)
    assert faults(killed.handled(), written, kills=1) == ["gap: 2 to 2 were not handled"]
