"""The Python of the platform's image on this machine: an environment with the packages that the image's lock pins.

Made once for a lock and a checkout, and kept in `pythons/` of ariel's cache; ariel's runtime in it is that of this
checkout, as it is. Does not own Python itself: one of the image's version is found, and none is fetched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uv

from cli.production_images import tag_of
from sandbox import paths
from sandbox.locks import exclusive
from sandbox.report import Report
from sandbox.rootfs import recipes
from sandbox.rootfs.definition import load
from sandbox.rootfs.layers import content_digest, partial_folder
from stacks.errors import MachineError, Problem

VERSION: Final = recipes.PYTHON.removeprefix("python")
"""Major and minor."""


def ensure(report: Report, version: str = VERSION) -> Path:
    """The interpreter. Raises MachineError where there is no such Python, or a package cannot be had."""
    lock, package = _inputs()
    folder = paths.cache() / "pythons"
    parts = [content_digest(lock), content_digest(package / "pyproject.toml"), str(package)]
    environment = folder / tag_of(version, parts)
    python = environment / "bin" / "python"
    if python.exists():
        return python
    base = _base(version)
    with exclusive(folder / "lock", "another command that installs the image's packages", report):
        if not python.exists():
            # A link to nothing is left where the Python below was removed.
            shutil.rmtree(environment, ignore_errors=True)
            with report.step(f"Install the image's packages for Python {version}"), partial_folder(environment) as made:
                _make(made, base, lock, package)
    return python


def _inputs() -> tuple[Path, Path]:
    """The image's lock file, and the folder of its own package."""
    airflow = load("airflow")
    assert airflow.python is not None
    return airflow.home / airflow.python.requirements, (airflow.home / airflow.python.package).resolve()


def _base(version: str) -> str:
    if sys.version.startswith(f"{version}."):
        return sys.executable
    action = f"install it, as by `uv python install {version}`"
    return _run(_uv("python", "find", "--no-project", version), f"Python {version}", action).strip()


def _make(environment: Path, base: str, lock: Path, package: Path) -> None:
    python, what = str(environment / "bin" / "python"), "packages of the image"
    action = "let this machine reach the package index once"
    _run(_uv("venv", "--quiet", "--relocatable", "--python", base, str(environment)), what, action)
    install = _uv("pip", "install", "--quiet", "--no-deps", "--python", python)
    _run([*install, "--require-hashes", "--requirement", str(lock)], what, action)
    _run([*install, "--editable", str(package)], what, action)
    # A check keeps no bytecode: without this each file that it parses would compile all of Airflow again.
    _run([python, "-c", "import ariel_runtime.checks.__main__"], what, "see what Python says")


def _uv(*arguments: str) -> list[str]:
    return [uv.find_uv_bin(), *arguments]


def _run(command: Sequence[str], what: str, action: str) -> str:
    """Its output; what is imported is compiled, and Airflow writes into a folder that goes."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home, "PYTHONDONTWRITEBYTECODE": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        # Causes stand below uv's own line; a traceback ends with what went wrong.
        said = next((line for line in lines if line.startswith("error")), lines[-1])
        raise MachineError([Problem(path=what, value=said, rule="as in the image", action=action)])
    return done.stdout
