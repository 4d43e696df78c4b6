"""Images for a real registry: built by Docker from their Dockerfiles, pushed by skopeo, named by their content.

An archive is built once and pushed as it is to every environment's registry, so what was tried is what runs: its digest
is the same everywhere.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cli.image_pins import Pin
from sandbox.report import Report
from sandbox.rootfs.definition import Definition
from sandbox.rootfs.layers import content_digest
from stacks.errors import MachineError, Problem

PLATFORM: Final = "linux/amd64"
"""Of the cluster's nodes."""

_BUILDER: Final = "ariel"
_ATTESTATION: Final = "attestation-manifest"
_SPDX: Final = "https://spdx.dev/Document"
_TOKEN_USER: Final = "00000000-0000-0000-0000-000000000000"  # noqa: S105 - a name, not a secret
"""User name with which Azure's registries take a token instead of a password."""
_KEPT_LINES: Final = 12
_WHERE: Final = {
    "docker": "https://docs.docker.com/engine/install/ (with buildx)",
    "skopeo": "https://github.com/containers/skopeo/blob/main/install.md",
    "az": "https://learn.microsoft.com/cli/azure/install-azure-cli",
    "git": "https://git-scm.com/downloads",
}


@dataclass(frozen=True, kw_only=True)
class Archive:
    """An image in the OCI image layout, and the list of what is in it."""

    tag: str
    file: Path
    bill_of_materials: Path
    """SPDX, as JSON."""


def planned(image: Definition, folder: Path) -> Archive:
    """Where the archive of the image, as it is in this checkout, stands in `folder`."""
    parts = [content_digest(image.home)]
    if image.python:
        package = image.home / image.python.package
        parts += [content_digest(package / name) for name in ("pyproject.toml", "ariel_runtime")]
    tag = f"{image.version}-{hashlib.sha256(''.join(parts).encode()).hexdigest()[:12]}"
    stem = f"{image.name}-{tag}"
    return Archive(tag=tag, file=folder / f"{stem}.tar", bill_of_materials=folder / f"{stem}.spdx.json")


def build(image: Definition, folder: Path, report: Report) -> Archive:
    """Build the image where its archive is missing. Raises MachineError."""
    archive = planned(image, folder)
    if not archive.bill_of_materials.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = archive.file.with_suffix(".partial")
        with report.step(f"Build image {image.name} {archive.tag}"):
            _run(_build_command(image, archive.tag, partial))
            partial.rename(archive.file)
            archive.bill_of_materials.write_text(json.dumps(bill_of_materials(archive.file)))
    return archive


def push(archive: Archive, registry: str, repository: str, report: Report) -> Pin:
    """Push an archive to a registry of Azure, unless the tag is there: a tag never moves. Raises MachineError."""
    host = f"{registry}.azurecr.io"
    target = f"docker://{host}/{repository}:{archive.tag}"
    with tempfile.TemporaryDirectory() as scratch, report.step(f"Push {repository}:{archive.tag}"):
        account = f"{scratch}/account.json"
        token = json.loads(_run(["az", "acr", "login", "--name", registry, "--expose-token", "--output", "json"]))
        _run(
            ["skopeo", "login", f"--authfile={account}", "--username", _TOKEN_USER, "--password-stdin", host],
            given=token["accessToken"],
        )
        digest = _held(target, account)
        if digest is None:
            options = ["--all", "--preserve-digests", f"--dest-authfile={account}"]
            _run(["skopeo", "copy", *options, f"oci-archive:{archive.file}", target])
            digest = _held(target, account)
    if digest is None:
        raise _failed(target, "not there after the push", "run the same command again")
    return Pin(repository=repository, tag=archive.tag, digest=digest)


def _held(target: str, account: str) -> str | None:
    """Digest of what a registry holds under a tag; None where it holds nothing."""
    try:
        return _run(["skopeo", "inspect", f"--authfile={account}", "--format={{.Digest}}", target]).strip()
    except MachineError as refused:
        if "manifest unknown" in str(refused) or "repository name not known" in str(refused):
            return None
        raise


def bill_of_materials(archive: Path) -> dict[str, Any]:
    """The SPDX document that the build attached to the image as an attestation. Raises MachineError without one.

    Source: BuildKit's attestation storage (docs/attestations/attestation-storage.md).
    """
    with tarfile.open(archive) as opened:

        def document(descriptor: dict[str, Any]) -> dict[str, Any]:
            member = opened.extractfile(f"blobs/{descriptor['digest'].replace(':', '/')}")
            assert member is not None
            found: dict[str, Any] = json.load(member)
            return found

        outer = opened.extractfile("index.json")
        assert outer is not None
        index = document(json.load(outer)["manifests"][0])
        for manifest in index.get("manifests", []):
            if manifest.get("annotations", {}).get("vnd.docker.reference.type") != _ATTESTATION:
                continue
            for layer in document(manifest)["layers"]:
                if layer.get("annotations", {}).get("in-toto.io/predicate-type") == _SPDX:
                    statement: dict[str, Any] = document(layer)["predicate"]
                    return statement
    raise _failed(archive.name, "no SPDX document attached", "build it with a version of buildx that knows --sbom")


def _build_command(image: Definition, tag: str, target: Path) -> list[str]:
    context = image.home.parents[1]
    revision = _run(["git", "-C", str(context), "rev-parse", "HEAD"]).strip()
    return [
        *("docker", "buildx", "build", f"--builder={_builder()}", f"--platform={PLATFORM}"),
        *("--sbom=true", "--provenance=mode=max"),
        *(f"--build-arg=VERSION={tag}", f"--build-arg=REVISION={revision}"),
        *(f"--file={image.home / 'Dockerfile'}", f"--output=type=oci,dest={target}", str(context)),
    ]


def _builder() -> str:
    """A builder that writes archives with attestations; Docker's own one does not."""
    try:
        _run(["docker", "buildx", "inspect", _BUILDER])
    except MachineError:
        _run(["docker", "buildx", "create", f"--name={_BUILDER}", "--driver=docker-container"])
    return _BUILDER


def _run(command: Sequence[str], given: str = "") -> str:
    """Standard output. What goes in and out may be a credential, so an error repeats standard error alone."""
    program = shutil.which(command[0])
    if program is None:
        raise _failed(command[0], "not on PATH", f"install it: {_WHERE[command[0]]}")
    answer = subprocess.run([program, *command[1:]], input=given, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        reason = "\n".join(answer.stderr.splitlines()[-_KEPT_LINES:])
        raise _failed(" ".join(command[:2]), reason, "mend what the program says, then run it again")
    return answer.stdout


def _failed(what: str, value: str, action: str) -> MachineError:
    rule = "images for a real registry are built by docker buildx, and pushed by skopeo as the user of `az login`"
    return MachineError([Problem(path=what, value=value, rule=rule, action=action)])
