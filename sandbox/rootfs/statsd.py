"""The program of the statsd exporter's image, which Debian has only in another version: built from its Go module."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sandbox.report import Report
from sandbox.rootfs.layers import building, content_digest, folder, partial_folder
from sandbox.toolchain import gobuild
from sandbox.toolchain.attempt import AttemptError
from sandbox.toolchain.tool import GoProgram
from stacks.errors import MachineError, Problem

_NAME: Final = "statsd_exporter"
_VERSION: Final = "0.28.0"
PROGRAM: Final = GoProgram(
    folder=Path(__file__).resolve().parent / _NAME,
    package="github.com/prometheus/statsd_exporter",
    built_name=_NAME,
    variables={"github.com/prometheus/common/version.Version": _VERSION},
)


def executable() -> Path:
    """Where the program is once it is built; another go.sum makes it another place."""
    return folder() / "programs" / f"{_NAME}-{_VERSION}-{content_digest(PROGRAM.folder)[:12]}" / _NAME


def ensure(report: Report) -> None:
    """Build the program where it is missing. Raises MachineError."""
    home = executable().parent
    if not home.exists():
        with building(report):
            if not home.exists():
                with partial_folder(home) as partial:
                    _build(partial, report)


def _build(target: Path, report: Report) -> None:
    try:
        gobuild.build({_NAME: PROGRAM}, target, report)
    except AttemptError as error:
        raise MachineError(
            [
                Problem(
                    path=f"tool {_NAME}",
                    value=str(error),
                    rule=f"{_VERSION}, built from its Go module",
                    action=f"install Go {gobuild.MINIMUM_GO} or newer (https://go.dev/doc/install), then run it again",
                )
            ]
        ) from error
