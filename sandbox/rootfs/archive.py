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
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in diff_ids]},
    }


def write(image: Definition, version_tag: str, reference: str, top: Layer, target: Path) -> None:
    """Write the archive of a built image; its name inside is `reference`."""
    blobs = [blob(layer) for layer in reversed(top.stack())]
    described = [{"mediaType": LAYER_TYPE, **_described(file)} for file in blobs]
    settings = _json(config(image, version_tag, [file.stem for file in blobs]))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST_TYPE,
            "config": {"mediaType": _CONFIG_TYPE, **_described_bytes(settings)},
            "layers": described,
        }
    )
    index = {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": _MANIFEST_TYPE,
                **_described_bytes(manifest),
                "platform": {"architecture": architecture(), "os": "linux"},
                "annotations": {
                    "io.containerd.image.name": reference,
                    "org.opencontainers.image.ref.name": version_tag,
                },
            }
        ],
    }
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", _json(index))
        for content in (manifest, settings):
            _add(archive, f"{_BLOBS}/{_sha256(content)}", content)
        for file in blobs:
            archive.add(file, f"{_BLOBS}/{file.stem}")


def blob(layer: Layer) -> Path:
    """The layer as `<SHA-256>.tar`, written beside its tree once."""
    known = list(layer.folder.glob("[0-9a-f]*.tar"))
    if known:
        return known[0]
    partial = layer.folder / ".partial"
    write_tree(layer.root, partial)
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return partial.rename(layer.folder / f"{digest}.tar")


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


def _described(file: Path) -> dict[str, Any]:
    return {"digest": f"sha256:{file.stem}", "size": file.stat().st_size}


def _described_bytes(content: bytes) -> dict[str, Any]:
    return {"digest": f"sha256:{_sha256(content)}", "size": len(content)}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
