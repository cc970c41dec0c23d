"""A place in the journal, kept in a file."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


class FileCursor:
    """Keeps a cursor in a file of its own: after a crash it holds the old cursor or the new one, whole.

    For one consumer, on POSIX systems. A consumer that writes to a database does better to keep the cursor there, in
    the transaction of what it did with the event.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """The file need not exist; its folder must."""
        self._path = Path(path)
        self._draft = self._path.with_name(self._path.name + ".draft")

    def load(self) -> str | None:
        """The stored cursor; None when there is none yet."""
        try:
            cursor = self._path.read_text("ascii").strip()
        except FileNotFoundError:
            return None
        if not cursor:
            raise ValueError(f"{self._path} is empty: this class never leaves it so")
        return cursor

    def store(self, cursor: str) -> None:
        """Returns once `cursor` is on disk."""
        if not cursor:
            raise ValueError("an empty cursor is no place: messages inside a snapshot have none")
        with self._draft.open("w", encoding="ascii") as draft:
            draft.write(f"{cursor}\n")
            draft.flush()
            os.fsync(draft.fileno())
        self._draft.replace(self._path)
        with opened(self._path.parent) as descriptor:
            os.fsync(descriptor)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[int]:
    """A descriptor to sync: a replaced name is on disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
