"""Build tools from their Go modules, where executables cannot be downloaded but modules can."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sandbox.report import Report, Step
from sandbox.toolchain.attempt import AttemptError
from sandbox.toolchain.tool import GoProgram
from sandbox.toolchain.version import Version

MINIMUM_GO: Final = Version(1, 21, 0)
"""From this on Go fetches the newer toolchain that a go.mod asks for (https://go.dev/doc/toolchain)."""

_KEPT_LINES: Final = 12
_ENVIRONMENT: Final = {
    # As the publishers build; a C compiler and its headers are not needed.
    "CGO_ENABLED": "0",
    "GOFLAGS": "",
    "GOWORK": "off",
}


def go_version() -> Version | None:
    """The version of Go on PATH; None without Go."""
    go = shutil.which("go")
    if go is None:
        return None
    # `go env GOVERSION` in no module: what is installed, not what a module would switch to.
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    answer = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )
    return Version.first_in(answer.stdout.replace("go", "v", 1))


def build(programs: Mapping[str, GoProgram], folder: Path, report: Report) -> dict[str, Path]:
    """Build programs of one module in one run into `folder`; executables by tool name. Raises AttemptError."""
    version = go_version()
    if version is None or version < MINIMUM_GO:
        raise AttemptError(f"build: needs Go {MINIMUM_GO} or newer, found {version or 'none on PATH'}")
    module = next(iter(programs.values())).folder
    packages = [program.package for program in programs.values()]
    variables = {key: value for program in programs.values() for key, value in program.variables.items()}
    linker = " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in variables.items())])
    command = ["go", "build", "-v", "-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags", linker]
    label = f"Build {', '.join(programs)} from source"
    with report.step(label) as step:
        _run([*command, "-o", f"{folder}{os.sep}", *packages], module, step, _count(packages, module))
    return {name: folder / program.built_name for name, program in programs.items()}


def _count(packages: Sequence[str], module: Path) -> int:
    """How many packages a build from an empty cache compiles."""
    command = ["go", "list", "-mod=readonly", "-deps", "-f", "{{.ImportPath}}", *packages]
    answer = subprocess.run(
        command, cwd=module, env=os.environ | _ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise AttemptError(_failure(answer.stderr.splitlines()))
    return len(answer.stdout.splitlines())


def _run(command: Sequence[str], module: Path, step: Step, total: int) -> None:
    """Run the build; with `-v` it prints one line per package that it compiled."""
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    with subprocess.Popen(
        command, cwd=module, env=os.environ | _ENVIRONMENT, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as build_process:
        for done, line in enumerate(build_process.stderr or (), start=1):
            kept.append(line.rstrip())
            step.advance(min(done, total), total)
    if build_process.returncode != 0:
        raise AttemptError(_failure(list(kept)))


def _failure(lines: Sequence[str]) -> str:
    return "build: the Go build failed:\n" + "\n".join(f"    {line}" for line in lines[-_KEPT_LINES:])
