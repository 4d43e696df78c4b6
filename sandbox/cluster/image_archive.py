"""Image archives made without a builder: one layer of executables, as the node's own pause image is."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_GO_NAMES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(target: Path, name: str, files: Mapping[str, Path], command: Sequence[str], machine: str) -> None:
    """Write an OCI archive with these executables (path in the image -> file); the same bytes each time."""
    layer = _tar({path: (file.read_bytes(), 0o755) for path, file in files.items()})
    packed = gzip.compress(layer, compresslevel=1, mtime=0)
    platform = {"architecture": _GO_NAMES[machine], "os": "linux"}
    config = _json(
        platform
        | {
            "config": {"Entrypoint": list(command)},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, packed)],
        }
    )
    named = _descriptor(_MANIFEST, manifest) | {
        "platform": platform,
        "annotations": {"io.containerd.image.name": name},
    }
    index = _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]})
    blobs = {f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": (blob, 0o644) for blob in (config, packed, manifest)}
    layout = _json({"imageLayoutVersion": "1.0.0"})
    target.write_bytes(_tar({"oci-layout": (layout, 0o644), "index.json": (index, 0o644), **blobs}))


def _descriptor(kind: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _tar(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, (content, mode) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
