"""One image as an archive in the OCI image layout, which `ctr images import` takes.

Sources: OCI image specification (image-layout.md, layer.md for whiteouts, config.md), v1.1.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from sandbox.rootfs.debootstrap import architecture
from sandbox.rootfs.definition import Definition
from sandbox.rootfs.layers import Layer

LAYER_TYPE: Final = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
_BLOBS: Final = "blobs/sha256"
_DESCRIPTOR: Final = "blob.json"
"""File in a layer's folder: digest and size of its blob."""
_OPAQUE: Final = "trusted.overlay.opaque"


def config(image: Definition, version_tag: str, diff_ids: Sequence[str]) -> dict[str, Any]:
    """The configuration of an image, as its containers start."""
    environment = {**image.environment, **image.debian.environment}
    return {
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "User": f"{image.user.uid}:{image.user.gid}",
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "Entrypoint": list(image.entrypoint),
            "WorkingDir": image.folder,
            "Labels": {**image.labels, "org.opencontainers.image.version": version_tag},
        },
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
    }


def write(
    target: Path, image: Definition, *, version_tag: str, reference: str, layers: Sequence[Layer], held: int
) -> None:
    """Write the archive of an image of built layers, the bottom one first; its name inside is `reference`.

    Only the blobs of the upper `held` layers are in it. A node takes it if it has the others of another image.
    """
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for layer in layers[len(layers) - held :]:
            _add_layer(archive, layer, target.with_name("layer"))
        described = [_read(layer) for layer in layers]
        settings = _json(config(image, version_tag, [each["digest"] for each in described]))
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST_TYPE,
                "config": {"mediaType": _CONFIG_TYPE, **_descriptor(settings)},
                "layers": [{"mediaType": LAYER_TYPE, **each} for each in described],
            }
        )
        for content in (manifest, settings):
            _add(archive, f"{_BLOBS}/{hashlib.sha256(content).hexdigest()}", content)
        _add(archive, "index.json", _json(_index(manifest, version_tag, reference)))
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))


def _index(manifest: bytes, version_tag: str, reference: str) -> dict[str, Any]:
    described = {
        "mediaType": _MANIFEST_TYPE,
        **_descriptor(manifest),
        "platform": {"architecture": architecture(), "os": "linux"},
        "annotations": {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": version_tag},
    }
    return {"schemaVersion": 2, "manifests": [described]}


def _add_layer(archive: tarfile.TarFile, layer: Layer, scratch: Path) -> None:
    """Add the layer's blob and keep its descriptor, for archives that go without the blob."""
    write_tree(layer.root, scratch)
    with scratch.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    archive.add(scratch, f"{_BLOBS}/{digest}")
    descriptor = {"digest": f"sha256:{digest}", "size": scratch.stat().st_size}
    (layer.folder / _DESCRIPTOR).write_bytes(_json(descriptor))
    scratch.unlink()


def _read(layer: Layer) -> dict[str, Any]:
    descriptor: dict[str, Any] = json.loads((layer.folder / _DESCRIPTOR).read_bytes())
    return descriptor


def write_tree(root: Path, target: Path) -> None:
    """Write a folder, which may be the upper one of an overlay mount, as the tar of a layer."""
    seen: dict[tuple[int, int], str] = {}
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in _walk(root):
            name, status = str(path.relative_to(root)), path.lstat()
            if stat.S_ISCHR(status.st_mode):
                # What overlayfs keeps for a removed file is a device 0/0; other devices are the container runtime's.
                if status.st_rdev == 0:
                    archive.addfile(tarfile.TarInfo(str(Path(name).with_name(f".wh.{path.name}"))))
                continue
            member = _member(path, name, status, seen)
            if member.isreg():
                with path.open("rb") as content:
                    archive.addfile(member, content)
            else:
                archive.addfile(member)
            if member.isdir() and _is_opaque(path):
                archive.addfile(tarfile.TarInfo(f"{name}/.wh..wh..opq"))


def _walk(root: Path) -> Iterator[Path]:
    """Everything below the folder, parents first, by name."""
    for entry in sorted(root.iterdir()):
        yield entry
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)


def _member(path: Path, name: str, status: os.stat_result, seen: dict[tuple[int, int], str]) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode, member.uid, member.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    # Whole seconds: PAX headers for fractions would double the number of blocks.
    member.mtime = int(status.st_mtime)
    if stat.S_ISLNK(status.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, str(path.readlink())
    elif stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
    elif status.st_nlink > 1 and (status.st_dev, status.st_ino) in seen:
        member.type, member.linkname = tarfile.LNKTYPE, seen[status.st_dev, status.st_ino]
    else:
        member.size = status.st_size
        seen[status.st_dev, status.st_ino] = name
    return member


def _is_opaque(folder: Path) -> bool:
    try:
        return os.getxattr(folder, _OPAQUE) == b"y"
    except OSError:
        return False


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _descriptor(content: bytes) -> dict[str, Any]:
    return {"digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
