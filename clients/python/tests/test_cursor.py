import os
from pathlib import Path

import pytest

from idv_gateway import FileCursor


def test_there_is_none_before_the_first_and_then_the_last(tmp_path: Path) -> None:
    cursor = FileCursor(tmp_path / "cursor")
    assert cursor.load() is None
    cursor.store("one")
    cursor.store("two")
    assert FileCursor(tmp_path / "cursor").load() == "two"
    assert [it.name for it in tmp_path.iterdir()] == ["cursor"]


def test_an_empty_cursor_is_no_place(tmp_path: Path) -> None:
    cursor = FileCursor(tmp_path / "cursor")
    cursor.store("one")
    with pytest.raises(ValueError, match="inside a snapshot"):
        cursor.store("")
    assert cursor.load() == "one"


def test_a_file_that_somebody_emptied_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "cursor").touch()
    with pytest.raises(ValueError, match="is empty"):
        FileCursor(tmp_path / "cursor").load()


def test_it_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        steps.append("sync folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "sync file")  # noqa: PTH112
        sync(descriptor)

    def replaced(draft: Path, target: Path) -> Path:
        assert draft.read_text() == "one\n"
        steps.append("replace")
        return replace(draft, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    FileCursor(tmp_path / "cursor").store("one")
    assert steps == ["sync file", "replace", "sync folder"]


def test_a_crash_while_writing_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = FileCursor(tmp_path / "cursor")
    cursor.store("one")

    def crash(_: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="full"):
        cursor.store("two")
    assert cursor.load() == "one"
