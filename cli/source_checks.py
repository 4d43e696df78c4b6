"""Ruff and mypy over a team's repository, by the repository's own settings; what they find as findings."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any, Final

from cli import image_python

RUFF: Final = "ruff"
MYPY: Final = "mypy"
AIRFLOW_RULES: Final = "AIR"
_MYPY_FILES: Final = ("mypy.ini", ".mypy.ini")
_SECONDS: Final = 900


def of_ruff(root: Path, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """With Airflow's rules beside those that the repository chose."""
    arguments = ["check", f"--extend-select={AIRFLOW_RULES}", "--output-format=json", "--no-cache", "."]
    said, complaint = _run(RUFF, arguments, root, environment)
    try:
        found = json.loads(said)
    except ValueError:
        yield _failed(RUFF, complaint)
        return
    for each in found:
        file = str(Path(each["filename"]).relative_to(root))
        # A file that cannot be read has no rule.
        code = each["code"] or "syntax"
        yield _finding(RUFF, file, each["location"]["row"], code, "broken", each["message"])


def of_mypy(root: Path, environment: Mapping[str, str], python: str | None) -> Iterator[dict[str, Any]]:
    """Nothing where the repository has no settings of it.

    Types of packages are those of the interpreter `python`, else of ariel's own, which has what tests import; the
    language is the image's then, unless the repository says another.
    """
    settings = _mypy_settings(root)
    if settings is None:
        return
    targets = [] if {"files", "packages", "modules"} & settings else ["."]
    language = [f"--python-executable={python}"] if python else []
    if not python and "python_version" not in settings:
        language = [f"--python-version={image_python.VERSION}"]
    said, complaint = _run(MYPY, ["--output=json", *language, *targets], root, environment)
    found = [line for line in said.splitlines() if line.startswith("{")]
    if complaint and not found:
        yield _failed(MYPY, complaint)
    for line in found:
        each = json.loads(line)
        if each["severity"] == "error":
            # A line below 1 is of the file as a whole.
            yield _finding(MYPY, each["file"], max(each["line"], 1), each["code"] or "", "broken", each["message"])


def _mypy_settings(root: Path) -> set[str] | None:
    """Names of what is set; None where nothing says that mypy is wanted."""
    project = root / "pyproject.toml"
    if project.is_file():
        found = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {}).get("mypy")
        if found is not None:
            return set(found)
    for name in (*_MYPY_FILES, "setup.cfg"):
        parser = ConfigParser(interpolation=None)
        if parser.read(root / name) and parser.has_section("mypy"):
            return set(parser["mypy"])
    return None


def _run(module: str, arguments: list[str], root: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """Both stand beside ariel, so that everybody has the same versions."""
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "", f"no end within {_SECONDS} s"
    return done.stdout, done.stderr.strip()


def _failed(check: str, complaint: str) -> dict[str, Any]:
    return _finding(check, ".", 1, "", "broken", f"{check} did not run: {complaint[-500:]}")


def _finding(check: str, file: str, line: int, rule: str, state: str, reason: str) -> dict[str, Any]:
    return {"check": check, "file": file, "line": line, "kind": "rule", "id": rule, "state": state, "reason": reason}
