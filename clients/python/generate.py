#!/usr/bin/env python3
"""Makes src/idvgateway from the contract in ../../proto: messages, stubs, and the types of both.

Needs grpcio-tools and mypy-protobuf in the versions that pyproject.toml names; building the package brings them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONTRACT = HERE.parent.parent / "proto"
INTO = HERE / "src"
MADE = INTO / "idvgateway"


def main() -> None:
    """Replaces what an earlier run made. In a source distribution it is there already, and the contract is not."""
    files = sorted(CONTRACT.glob("idvgateway/**/*.proto"))
    if not files:
        if MADE.is_dir():
            return
        sys.exit(f"no contract in {CONTRACT}")
    shutil.rmtree(MADE, ignore_errors=True)
    outputs = [f"--{kind}={INTO}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
    stub_types = [f"--plugin=protoc-gen-mypy_grpc={plugin()}", f"--mypy_grpc_out=quiet:{INTO}"]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{CONTRACT}"]
    subprocess.run([*protoc, *outputs, *stub_types, *map(str, files)], check=True)
    for package in {file.parent.relative_to(CONTRACT) for file in files}:
        (INTO / package / "py.typed").touch()


def plugin() -> str:
    """The plugin of this interpreter's environment; an isolated build has it on the PATH only."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return shutil.which("protoc-gen-mypy_grpc", path=places) or sys.exit("mypy-protobuf is not installed")


if __name__ == "__main__":
    main()
