"""What an image is, as `runtime/images/<name>/image.toml` says; its Dockerfile says the same for production."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from sandbox import paths

Text = Annotated[str, StringConstraints(min_length=1)]
Absolute = Annotated[str, StringConstraints(pattern="^/")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class User(_Part):
    """Who the container's processes are; they have an entry in `/etc/passwd`."""

    name: Text
    uid: int
    gid: int
    home: Absolute


class Python(_Part):
    """The Python packages of an image; paths are relative to the definition."""

    requirements: Text
    """A lock file: exact versions with digests."""
    package: Text
    """Folder of the project's own package, which comes last because it changes most."""


class Debian(_Part):
    """How the same image is made of Debian's packages alone."""

    version: Text
    """Of what the image is for, where Debian has another one than production."""
    packages: tuple[Text, ...]
    """Beside those of every build."""
    environment: Mapping[str, str] = {}
    """Beside that of every build."""
    tool: Literal["statsd_exporter"] | None = None
    """A program in Go that Debian does not have."""


class Definition(_Part):
    """One image."""

    name: Text
    """The definition's folder."""
    repository: Text
    """Where the image is kept, relative to a registry."""
    version: Text
    packages: tuple[Text, ...]
    """Debian packages that every build installs."""
    entrypoint: tuple[Text, ...]
    folder: Absolute
    """Working directory."""
    user: User
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    files: Mapping[str, str] = {}
    """Executables of the image: path inside it -> file beside the definition."""
    python: Python | None = None
    debian: Debian

    @property
    def home(self) -> Path:
        """Folder of the definition, of its Dockerfile and of the files that both name."""
        return images_folder() / self.name


def images_folder() -> Path:
    """The folder of all definitions, in the checkout that this code runs from."""
    return paths.REPOSITORY / "runtime" / "images"


def load(name: str) -> Definition:
    """One definition."""
    text = (images_folder() / name / "image.toml").read_text(encoding="utf-8")
    return Definition.model_validate({"name": name, **tomllib.loads(text)})


def load_all() -> dict[str, Definition]:
    """Every definition by name."""
    return {file.parent.name: load(file.parent.name) for file in sorted(images_folder().glob("*/image.toml"))}


def locked(image: Definition) -> dict[str, str]:
    """Name -> version of the Python packages of an image that has some."""
    assert image.python is not None
    lock = (image.home / image.python.requirements).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
