"""The images of this checkout as archives in the cache, for a node that can reach no registry.

A tag is the version of what the image is for and twelve digits of all that decides the image, so unchanged content is
neither built nor imported again, and a tag never moves.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sandbox.report import Report
from sandbox.rootfs import archive, child_layers, recipes
from sandbox.rootfs.child import ChildImage
from sandbox.rootfs.chroot import require_root
from sandbox.rootfs.definition import Definition, load, load_all
from sandbox.rootfs.layers import Layer, building, ensure_layer, folder, partial_folder

HOST: Final = "localhost"
"""In the names inside the archives; whoever imports one gives it the name that the pods use as well."""
UNUSED_DAYS: Final = 14
"""After which layers and archives that nothing has asked for are removed."""


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """One image; `archive` is a tar in the OCI image layout."""

    name: str
    repository: str
    """Relative to a registry."""
    version_tag: str
    archive: Path
    foundation: BuiltImage | None = None
    """An image that must be in the node first: `archive` holds only the layers above it, so that it is small."""

    @property
    def reference(self) -> str:
        """Its name inside the archive."""
        return f"{HOST}/{self.repository}:{self.version_tag}"

    def parts(self) -> list[BuiltImage]:
        """Itself after all that must be in the node before it."""
        return [*(self.foundation.parts() if self.foundation else ()), self]


def ensure_images(report: Report) -> dict[str, BuiltImage]:
    """All images by name, built as far as they are missing. Raises MachineError."""
    built = {name: _ensure(image, report) for name, image in load_all().items()}
    with building(report):
        _remove_unused()
    return built


def ensure_child(child: ChildImage, report: Report) -> BuiltImage:
    """A team's image, and Airflow's below it, built as far as they are missing. Raises UsageError, MachineError."""
    airflow = load("airflow")
    _ensure(airflow, report)
    image = _child(child, airflow)
    _ensure_archive(image, report)
    return image.built


def planned() -> dict[str, BuiltImage]:
    """What `ensure_images` returns; an archive may be missing."""
    return {name: _image(image).built for name, image in load_all().items()}


@dataclass(frozen=True, kw_only=True)
class _Image:
    """How an image is made; `below` is what its foundation is made of."""

    definition: Definition
    top: Layer
    built: BuiltImage
    below: _Image | None = None


def _image(image: Definition) -> _Image:
    top = recipes.layers(image)
    if image.python is None or top.below is None:
        return _Image(definition=image, top=top, built=_described(image, top, suffix=""))
    below = _Image(definition=image, top=top.below, built=_described(image, top.below, suffix="-foundation"))
    built = replace(_described(image, top, suffix=""), foundation=below.built)
    return _Image(definition=image, top=top, built=built, below=below)


def _child(child: ChildImage, airflow: Definition) -> _Image:
    below = _image(airflow)
    named = {"name": child.repository.replace("/", "-"), "repository": child.repository}
    definition = airflow.model_copy(update=named)
    top = child_layers.layers(child, airflow, below.top)
    built = replace(_described(definition, top, suffix=""), foundation=below.built)
    return _Image(definition=definition, top=top, built=built, below=below)


def _described(image: Definition, top: Layer, *, suffix: str) -> BuiltImage:
    decides = [top.key, archive.config(image, "", []), archive.LAYER_TYPE]
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]
    name, version_tag = f"{image.name}{suffix}", f"{image.debian.version}-{digest}"
    return BuiltImage(
        name=name,
        repository=f"{image.repository}{suffix}",
        version_tag=version_tag,
        archive=folder() / "images" / f"{name}-{version_tag}" / "image.tar",
    )


def _ensure(definition: Definition, report: Report) -> BuiltImage:
    recipes.prepare(definition, report)
    below = _image(definition).below
    if below:
        _ensure_archive(below, report)
    # Described only now: the foundation takes minutes, and the package above it may be edited meanwhile.
    image = _image(definition)
    _ensure_archive(image, report)
    return image.built


def _ensure_archive(image: _Image, report: Report) -> None:
    if image.below:
        _ensure_archive(image.below, report)
    if not image.built.archive.exists():
        require_root()
        with building(report):
            ensure_layer(image.top, report)
            if not image.built.archive.exists():
                _write(image, report)
    # The time of the last use, by which `_remove_unused` goes.
    for used in (image.built.archive.parent, *(layer.folder for layer in image.top.stack() if layer.folder.exists())):
        os.utime(used)


def _write(image: _Image, report: Report) -> None:
    """Above a foundation the archive holds what is not in that."""
    built, layers = image.built, image.top.stack()[::-1]
    held = len(layers) - (len(image.below.top.stack()) if image.below else 0)
    with (
        report.step(f"Write image {built.name}"),
        partial_folder(built.archive.parent) as partial,
    ):
        archive.write(
            partial / built.archive.name,
            image.definition,
            version_tag=built.version_tag,
            reference=built.reference,
            layers=layers,
            held=held,
        )


def _remove_unused() -> None:
    """Remove layers and archives of earlier content. Needs the lock."""
    oldest = time.time() - UNUSED_DAYS * 24 * 3600
    for kept in (*folder().glob("layers/*"), *folder().glob("images/*")):
        if kept.stat().st_mtime < oldest:
            shutil.rmtree(kept)
