"""Makes the generated code whenever the package is built."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Generate(BuildHookInterface[Any]):
    """Runs generate.py before files are gathered."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called for every target: wheel, source distribution, editable."""
        subprocess.run([sys.executable, str(Path(self.root) / "generate.py")], check=True)
