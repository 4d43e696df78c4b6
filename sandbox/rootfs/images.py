"""The images of this checkout as archives in the cache, for a node that can reach no registry.

A tag is the version of what the image is for and twelve digits of all that decides the image, so unchanged content is
neither built nor imported again, and a tag never moves.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.report import Report
from sandbox.rootfs import archive, recipes
from sandbox.rootfs.chroot import require_root
from sandbox.rootfs.definition import Definition, load_all
from sandbox.rootfs.layers import Layer, building, ensure_layer, folder, partial_folder

HOST: Final = "localhost"
"""In the names inside the archives; whoever imports one gives it the name that the pods use as well."""
KEPT: Final = 3
"""Archives of each image that stay: two checkouts may share the cache, and a step back should be quick."""


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """One image; `archive` is a tar in the OCI image layout."""

    name: str
    repository: str
    """Relative to a registry."""
    version_tag: str
    archive: Path

    @property
    def reference(self) -> str:
        """Its name inside the archive."""
        return f"{HOST}/{self.repository}:{self.version_tag}"


def ensure_images(report: Report) -> dict[str, BuiltImage]:
    """All images by name, built as far as they are missing. Raises MachineError."""
    return {name: _ensure(image, report) for name, image in load_all().items()}


def _ensure(image: Definition, report: Report) -> BuiltImage:
    top = recipes.layers(image, report)
    built = _described(image, top)
    if not built.archive.exists():
        require_root()
        with building(report):
            ensure_layer(top, report)
            with report.step(f"Write image {image.name}"):
                _write(image, top, built)
    return built


def _described(image: Definition, top: Layer) -> BuiltImage:
    decides = [top.key, archive.config(image, "", []), archive.LAYER_TYPE]
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]
    version_tag = f"{image.debian.version}-{digest}"
    return BuiltImage(
        name=image.name,
        repository=image.repository,
        version_tag=version_tag,
        archive=folder() / "images" / image.name / version_tag / "image.tar",
    )


def _write(image: Definition, top: Layer, built: BuiltImage) -> None:
    if built.archive.exists():
        return
    with partial_folder(built.archive.parent) as partial:
        archive.write(image, built.version_tag, built.reference, top, partial / built.archive.name)
