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

KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PACKAGES: Final = ("debootstrap", "debian-archive-keyring")
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
    """Make the tree `target`; `packages` keeps what was downloaded. Raises MachineError.

    In namespaces of its own: it mounts into the tree, and what is killed half-way must leave no mount behind.
    """
    packages.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ariel-debootstrap-") as scratch:
        program, keyring, environment = _program(Path(scratch))
        # It returns to the folder that it was started in, so that must not be one that is removed meanwhile.
        _run(
            [
                *("setpriv", "--pdeathsig", "KILL"),
                *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"),
                *(program, "--variant=minbase", f"--arch={architecture()}", f"--keyring={keyring}"),
                *(f"--cache-dir={packages}", SUITE, str(target), *_mirror(environment)),
            ],
            environment,
        )


def _mirror(environment: dict[str, str]) -> list[str]:
    """Where this machine itself takes Debian's packages from; empty elsewhere, and debootstrap takes its default."""
    if not shutil.which("apt-get"):
        return []
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    answer = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    return [uri for line in answer.stdout.splitlines() if (uri := line.strip().rstrip("/")).endswith("/debian")][:1]


def _program(scratch: Path) -> tuple[str, Path, dict[str, str]]:
    """debootstrap, Debian's keys, and the environment that it needs."""
    environment = os.environ | {"PATH": f"{os.environ.get('PATH', '')}:{_SYSTEM_FOLDERS}", "LC_ALL": "C"}
    found = shutil.which("debootstrap", path=environment["PATH"])
    if found and KEYRING.is_file() and (Path("/usr/share/debootstrap/scripts") / SUITE).exists():
        return found, KEYRING, environment
    if not shutil.which("apt-get"):
        raise _unavailable("not on PATH, and there is no apt from which it could be had")
    _unpack(scratch, environment)
    share = scratch / "unpacked/usr/share/debootstrap"
    program = scratch / "unpacked/usr/sbin/debootstrap"
    return str(program), scratch / "unpacked" / KEYRING.relative_to("/"), environment | {"DEBOOTSTRAP_DIR": str(share)}


def _unpack(scratch: Path, environment: dict[str, str]) -> None:
    """Through apt, which checks signatures, from the machine's sources; its lists and caches stay as they are."""
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    options = {
        "Dir::State": scratch / "state",
        "Dir::Cache": scratch / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-q", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    _run([*apt, "update"], environment)
    _run([*apt, "download", *_PACKAGES], environment, folder=scratch)
    for package in scratch.glob("*.deb"):
        _run(["dpkg-deb", "-x", str(package), str(scratch / "unpacked")], environment)


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
                rule="debootstrap, Debian's keys, and a way to Debian's packages",
                action="install debootstrap and debian-archive-keyring, or let this machine reach Debian",
            )
        ]
    )
