"""The bottom of every tree: Debian's essential packages, as debootstrap unpacks and configures them.

debootstrap comes from PATH, else from Debian, unpacked into a folder; nothing is installed on this machine.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stacks.errors import MachineError, Problem

SUITE: Final = "trixie"
MIRROR: Final = "http://deb.debian.org/debian"
"""Answers with the nearest mirror; what it sends is checked against Debian's keys."""
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

_KEPT_LINES: Final = 12
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_SYSTEM_FOLDERS: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def architecture() -> str:
    """Debian's and the container world's name of this machine. Raises MachineError for one that ariel does not know."""
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise MachineError(
            [
                Problem(
                    path="machine",
                    value=machine,
                    rule=f"one of {', '.join(_ARCHITECTURES)}",
                    action="run the sandbox on such a machine",
                )
            ]
        )
    return _ARCHITECTURES[machine]


def bootstrap(target: Path, packages: Path) -> None:
    """Make the tree `target`; `packages` keeps what was downloaded. Raises MachineError."""
    packages.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ariel-debootstrap-") as scratch:
        program, environment = _program(Path(scratch))
        # It returns to the folder that it was started in, so that must not be one that is removed meanwhile.
        _run(
            [
                *(program, "--variant=minbase", f"--arch={architecture()}", f"--keyring={KEYRING}"),
                *(f"--cache-dir={packages}", SUITE, str(target), MIRROR),
            ],
            environment,
        )


def _program(scratch: Path) -> tuple[str, dict[str, str]]:
    """debootstrap, and the environment that it needs."""
    environment = os.environ | {"PATH": f"{os.environ.get('PATH', '')}:{_SYSTEM_FOLDERS}", "LC_ALL": "C"}
    found = shutil.which("debootstrap", path=environment["PATH"])
    if found and (Path("/usr/share/debootstrap/scripts") / SUITE).exists():
        return found, environment
    if not shutil.which("apt-get") or not KEYRING.is_file():
        raise _unavailable("not on PATH, and this is no Debian from which it could be had")
    _unpack_from_debian(scratch, environment)
    share = scratch / "debootstrap/usr/share/debootstrap"
    return str(scratch / "debootstrap/usr/sbin/debootstrap"), environment | {"DEBOOTSTRAP_DIR": str(share)}


def _unpack_from_debian(scratch: Path, environment: dict[str, str]) -> None:
    """Through apt, which checks signatures, with lists and caches of its own so that the machine's stay as they are."""
    sources = scratch / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {MIRROR} {SUITE} main\n")
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    options = {
        "Dir::State": scratch / "state",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "-",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-q", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    _run([*apt, "update"], environment)
    _run([*apt, "download", "debootstrap"], environment, folder=scratch)
    (package,) = scratch.glob("debootstrap_*.deb")
    _run(["dpkg-deb", "-x", str(package), str(scratch / "debootstrap")], environment)


def _run(command: Sequence[str], environment: dict[str, str], folder: Path = Path("/")) -> None:
    answer = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        lines = answer.stdout.splitlines()[-_KEPT_LINES:]
        raise _unavailable("\n".join([f"{Path(command[0]).name} failed:", *(f"    {line}" for line in lines)]))


def _unavailable(reason: str) -> MachineError:
    return MachineError(
        [
            Problem(
                path=f"Debian {SUITE}",
                value=reason,
                rule=f"debootstrap and Debian's keys, and a way to {MIRROR}",
                action="install debootstrap and debian-archive-keyring, or let this machine reach Debian",
            )
        ]
    )
