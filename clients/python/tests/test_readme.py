"""What the README shows exists, and has the types it is used with."""

import re
from pathlib import Path

from mypy import api

README = Path(__file__).parents[1] / "README.md"

# What the reader brings.
GIVEN = """
import sqlite3
from idvgateway.v1.event_pb2 import Event
def handle(event: Event) -> None: ...
def record(db: sqlite3.Connection, event: Event) -> None: ...
db = sqlite3.connect(":memory:")
"""


def checked(folder: Path, code: str) -> tuple[str, int]:
    file = folder / "readme.py"
    file.write_text(GIVEN + code)
    said, _, status = api.run(["--strict", "--config-file=", f"--cache-dir={folder / 'cache'}", str(file)])
    return said, status


def test_the_lines_of_the_readme_are_right(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    said, status = checked(tmp_path, "\n".join(blocks))
    assert status == 0, said

    said, status = checked(tmp_path, "\n".join(blocks).replace("external_reference", "reference"))
    assert status == 1
    assert "reference" in said
