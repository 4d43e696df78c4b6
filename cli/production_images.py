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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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


@dataclass(frozen=True, kw_only=True)
class Source:
    """What Docker builds an image of."""

    dockerfile: Path
    context: Path
    """In a checkout of git, whose revision becomes a label."""
    contexts: Mapping[str, str] = field(default_factory=dict)
    """Further ones by the names that the Dockerfile has for them."""


def planned(image: Definition, folder: Path) -> Archive:
    """Where the archive of the image, as it is in this checkout, stands in `folder`."""
    parts = [content_digest(image.home)]
    if image.python:
        package = image.home / image.python.package
        parts += [content_digest(package / name) for name in ("pyproject.toml", "ariel_runtime")]
    return archive_of(image.name, tag_of(image.version, parts), folder)


def tag_of(version: str, parts: Sequence[str]) -> str:
    """The version, and a digest of the digests of all that decides the image."""
    return f"{version}-{hashlib.sha256(''.join(parts).encode()).hexdigest()[:12]}"


def archive_of(name: str, tag: str, folder: Path) -> Archive:
    """Where it stands in `folder`, built or not."""
    stem = f"{name}-{tag}"
    return Archive(tag=tag, file=folder / f"{stem}.tar", bill_of_materials=folder / f"{stem}.spdx.json")


def build(image: Definition, folder: Path, report: Report) -> Archive:
    """Build the image where its archive is missing. Raises MachineError."""
    archive = planned(image, folder)
    if not archive.bill_of_materials.exists():
        source = Source(dockerfile=image.home / "Dockerfile", context=image.home.parents[1])
        make(archive, source, report)
    return archive


def make(archive: Archive, source: Source, report: Report) -> None:
    """Build an archive of that source. Raises MachineError."""
    archive.file.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.file.with_suffix(".partial")
    with report.step(f"Build image {archive.file.stem}"):
        _run(_build_command(source, archive.tag, partial))
        partial.rename(archive.file)
        archive.bill_of_materials.write_text(json.dumps(bill_of_materials(archive.file)))


def push(archive: Archive, registry: str, repository: str, report: Report) -> Pin:
    """Push an archive to a registry of Azure, unless the tag is there: a tag never moves. Raises MachineError."""
    target = f"docker://{_host(registry)}/{repository}:{archive.tag}"
    with _signed_in(registry) as account, report.step(f"Push {repository}:{archive.tag}"):
        digest = _held(target, account)
        if digest is None:
            options = ["--all", "--preserve-digests", f"--dest-authfile={account}"]
            _run(["skopeo", "copy", *options, f"oci-archive:{archive.file}", target])
            digest = _held(target, account)
    if digest is None:
        raise _failed(target, "not there after the push", "run the same command again")
    return Pin(repository=repository, tag=archive.tag, digest=digest)


def pull(registry: str, image: str, layout: Path, report: Report) -> None:
    """Copy an image (`repository:tag`) of a registry of Azure to a new folder in the OCI image layout, under its tag.

    Raises MachineError.
    """
    source, tag = f"docker://{_host(registry)}/{image}", image.rpartition(":")[2]
    with _signed_in(registry) as account, report.step(f"Fetch {image}"):
        if _held(source, account) is None:
            action = "run `ariel images push` first, or use the checkout that the environment was made of"
            raise _failed(source, "not there", action)
        platform = [f"--override-{key}={value}" for key, value in zip(("os", "arch"), PLATFORM.split("/"), strict=True)]
        _run(["skopeo", *platform, "copy", f"--src-authfile={account}", source, f"oci:{layout}:{tag}"])


@contextmanager
def _signed_in(registry: str) -> Iterator[Path]:
    """A file with the token of the user of `az login`, for skopeo, until the block ends."""
    with tempfile.TemporaryDirectory() as scratch:
        account = Path(scratch) / "account.json"
        token = json.loads(_run(["az", "acr", "login", "--name", registry, "--expose-token", "--output", "json"]))
        login = ["skopeo", "login", f"--authfile={account}", "--username", _TOKEN_USER, "--password-stdin"]
        _run([*login, _host(registry)], given=token["accessToken"])
        yield account


def _host(registry: str) -> str:
    """Login server of a registry of Azure."""
    return f"{registry}.azurecr.io"


def _held(target: str, account: Path) -> str | None:
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


def _build_command(source: Source, tag: str, target: Path) -> list[str]:
    revision = _run(["git", "-C", str(source.context), "rev-parse", "HEAD"]).strip()
    return [
        *("docker", "buildx", "build", f"--builder={_builder()}", f"--platform={PLATFORM}"),
        *("--sbom=true", "--provenance=mode=max"),
        *(f"--build-arg=VERSION={tag}", f"--build-arg=REVISION={revision}"),
        *(f"--build-context={name}={place}" for name, place in source.contexts.items()),
        *(f"--file={source.dockerfile}", f"--output=type=oci,dest={target}", str(source.context)),
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
