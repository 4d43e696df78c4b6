"""A team's child image as its repository describes it: what is added to the platform's Airflow, and what may not.

Owns what `images/<name>/` and `environments/` say. Does not own how an image is made of it: here of layers
(`sandbox.rootfs.child_layers`), for a real registry by Docker (`cli.child_images`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from sandbox.rootfs.definition import Definition, load, locked
from stacks.errors import Problem, UsageError

IMAGES: Final = "images"
ENVIRONMENTS: Final = "environments"
REQUIREMENTS: Final = "requirements.txt"
INTERPRETERS: Final = "/opt/environments"
"""Folder inside an image in which `ariel_runtime.isolated` looks for an interpreter."""

_PACKAGES: Final = "packages.txt"
_DOCKERFILE: Final = "Dockerfile"
_IMAGE_NAME: Final = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_INTERPRETER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PACKAGE: Final = re.compile(r"[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+|/[a-z]+)?")
"""As apt takes it: a name, perhaps with `=<version>` or `/<release of Debian>`."""
_AIRFLOW: Final = ("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk")
"""What must be as in the platform: scheduler and task speak with one another by it."""


@dataclass(frozen=True, kw_only=True)
class ChildImage:
    """One image; `packages` are Debian's, `interpreters` is name -> folder with its requirements."""

    name: str
    repository: str
    """Where the image is kept, relative to a registry."""
    folder: Path
    packages: tuple[str, ...]
    interpreters: Mapping[str, Path]

    @property
    def requirements(self) -> Path | None:
        """Python packages beside Airflow."""
        return _present(self.folder / REQUIREMENTS)

    @property
    def dockerfile(self) -> Path | None:
        """What a team does by Docker itself, before the rest is added."""
        return _present(self.folder / _DOCKERFILE)


def read(root: Path, tenant: str) -> dict[str, ChildImage]:
    """The child images of the repository at `root`, by name. Raises UsageError with all that is wrong."""
    folders = [folder for folder in _folders(root / IMAGES) if _describes(folder)]
    interpreters = {
        folder.name: folder for folder in _folders(root / ENVIRONMENTS) if (folder / REQUIREMENTS).is_file()
    }
    images = {
        folder.name: ChildImage(
            name=folder.name,
            repository=f"{tenant}/{folder.name}",
            folder=folder,
            packages=tuple(_lines(folder / _PACKAGES)),
            interpreters=interpreters,
        )
        for folder in folders
    }
    problems = [
        *_of_names(folders, _IMAGE_NAME, "small letters, digits, and single '.', '_' or '-' between them"),
        *_of_names(interpreters.values(), _INTERPRETER_NAME, "letters, digits, '.', '_' and '-'"),
        *(problem for image in images.values() for problem in (*_of_packages(image), *_of_requirements(image))),
    ]
    if problems:
        raise UsageError(problems)
    return images


def pins(airflow: Definition) -> dict[str, str]:
    """Name -> version of what a child image has as its parent has it."""
    found = locked(airflow)
    return {name: found[name] for name in _AIRFLOW}


def check(versions: dict[str, str]) -> str:
    """A program for the image's Python: fails where Airflow is another one, or no longer starts a task."""
    return (
        "import ariel_runtime.isolated, airflow.sdk.execution_time.task_runner; "
        "from importlib.metadata import version; "
        f"changed = [name for name, pin in {json.dumps(versions)}.items() if version(name) != pin]; "
        'raise SystemExit(f"the image has another version of {changed} than the platform" if changed else 0)'
    )


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*") if path.is_dir())


def _describes(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (REQUIREMENTS, _PACKAGES, _DOCKERFILE))


def _present(file: Path) -> Path | None:
    return file if file.is_file() else None


def _lines(file: Path) -> list[str]:
    """What stands in the lines, without comments."""
    if not file.is_file():
        return []
    lines = (line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def _of_names(folders: Iterable[Path], legal: re.Pattern[str], rule: str) -> Iterator[Problem]:
    for folder in folders:
        if not legal.fullmatch(folder.name):
            place = f"{folder.parent.name}/{folder.name}"
            yield Problem(path=place, value=folder.name, rule=rule, action="rename the folder")


def _of_packages(image: ChildImage) -> Iterator[Problem]:
    for package in image.packages:
        if not _PACKAGE.fullmatch(package):
            yield Problem(
                path=f"{IMAGES}/{image.name}/{_PACKAGES}",
                value=package,
                rule="a package of Debian a line, as in `ruby`, `ruby=1:3.3` or `python2.7/bullseye`",
                action="correct the line",
            )


def _of_requirements(image: ChildImage) -> Iterator[Problem]:
    """What names Airflow itself; what brings another one along is found by the build."""
    versions = pins(load("airflow"))
    for line in _lines(image.folder / REQUIREMENTS):
        try:
            wanted = Requirement(line.partition(" --")[0])
        except InvalidRequirement:
            continue
        pinned = versions.get(canonicalize_name(wanted.name))
        if pinned is not None and not wanted.specifier.contains(pinned, prereleases=True):
            yield Problem(
                path=f"{IMAGES}/{image.name}/{REQUIREMENTS}",
                value=line,
                rule=f"{pinned}, the platform's: its scheduler and its tasks are of one version",
                action="leave the line out; what needs another Airflow runs as a function under an interpreter",
            )
