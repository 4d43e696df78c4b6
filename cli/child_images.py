"""A team's child images: their tags, the lock that its DAGs read, and how Docker builds them for a real registry.

A tag is the version of Airflow and a digest of all that decides the image: the platform's image as this checkout has
it, the image's folder, the interpreters. It says nothing of an environment, so one commit is right in all of them.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cli import production_images
from cli.production_images import Archive, Source
from cli.repository import TenantRepository
from sandbox.report import Report
from sandbox.rootfs.child import ENVIRONMENTS, IMAGES, INTERPRETERS, REQUIREMENTS, ChildImage, check, pins, read
from sandbox.rootfs.debian import with_releases
from sandbox.rootfs.definition import Definition, load
from sandbox.rootfs.layers import content_digest
from sandbox.rootfs.recipes import COMPILE
from stacks.errors import Problem, UsageError

LOCK: Final = Path("images", "lock.json")
PARENT: Final = "parent"
"""The name by which a Dockerfile begins with the platform's image."""
_FORGET: Final = "rm -rf /var/lib/apt/lists/*"


def of(repository: TenantRepository) -> dict[str, ChildImage]:
    """The repository's child images by name. Raises UsageError, also where there is none."""
    found = read(repository.root, repository.tenant)
    if not found:
        raise UsageError(
            [
                Problem(
                    path=str(repository.root / IMAGES),
                    value="no image",
                    rule="a folder for each, with requirements.txt, packages.txt or a Dockerfile; in it every "
                    f"interpreter of {ENVIRONMENTS}/ is built as well",
                    action=f"write {IMAGES}/<name>/requirements.txt",
                )
            ]
        )
    return found


def tag(image: ChildImage) -> str:
    """What the image is called by, built or not."""
    airflow = load("airflow")
    below = production_images.planned(airflow, Path()).tag
    folders = (image.folder, *image.interpreters.values())
    named = [f"{folder.name} {content_digest(folder)}" for folder in folders]
    return production_images.tag_of(airflow.version, [below, *named])


def write_lock(root: Path, images: Mapping[str, ChildImage]) -> None:
    """Write name -> tag into the repository, where its DAGs look; to be committed."""
    tags = {name: tag(image) for name, image in sorted(images.items())}
    (root / LOCK).write_text(f"{json.dumps(tags, indent=2)}\n", encoding="utf-8")


def build(images: Mapping[str, ChildImage], registry: str, folder: Path, report: Report) -> dict[str, Archive]:
    """Archives of all images, built as far as they are missing, on the platform's image in the registry.

    Raises MachineError.
    """
    archives = {
        name: production_images.archive_of(image.repository.replace("/", "-"), tag(image), folder)
        for name, image in images.items()
    }
    missing = [name for name, archive in archives.items() if not archive.bill_of_materials.exists()]
    if not missing:
        return archives
    airflow = load("airflow")
    below = f"{airflow.repository}:{production_images.planned(airflow, folder).tag}"
    with tempfile.TemporaryDirectory() as scratch:
        layout = Path(scratch) / PARENT
        production_images.pull(registry, below, layout, report)
        for name in missing:
            file = Path(scratch) / name
            file.write_text(dockerfile(images[name], airflow), encoding="utf-8")
            contexts = {PARENT: f"oci-layout://{layout}:{below.rpartition(':')[2]}"}
            for place in images[name].interpreters.values():
                contexts[ENVIRONMENTS] = str(place.parent)
            source = Source(dockerfile=file, context=images[name].folder, contexts=contexts)
            production_images.make(archives[name], source, report)
    return archives


def dockerfile(image: ChildImage, airflow: Definition) -> str:
    """The team's own Dockerfile, if there is one, then what its other files say, and the check."""
    versions = pins(airflow)
    begin = image.dockerfile.read_text(encoding="utf-8").rstrip() if image.dockerfile else f"FROM {PARENT}"
    steps = [begin, "ARG VERSION", "ARG REVISION"]
    if image.packages:
        steps += ["USER root", _run(_install(image.packages))]
    if image.requirements:
        kept = " ".join(f"{name}=={version}" for name, version in versions.items())
        install = f"pip install --no-cache-dir --requirement /build/{REQUIREMENTS} {kept}"
        steps += [f"USER {airflow.user.name}", _run(_compiled(install, f"{airflow.user.home}/.local/lib"), bind="")]
    for name in image.interpreters:
        target = f"{INTERPRETERS}/{name}"
        install = f"python -m venv {target}\n{target}/bin/pip install --no-cache-dir -r /build/{REQUIREMENTS}"
        steps += ["USER root", _run(_compiled(install, target), bind=f"from={ENVIRONMENTS},source={name},")]
    steps += [
        f"USER {airflow.user.uid}:{airflow.user.gid}",
        _run(f"home=$(mktemp -d)\nAIRFLOW_HOME=$home python -c {shlex.quote(check(versions))}\nrm -r $home"),
        'LABEL org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"',
        f"WORKDIR {airflow.folder}",
        f"ENTRYPOINT {json.dumps(airflow.entrypoint)}",
    ]
    return "\n".join([*steps, ""])


def _install(packages: Sequence[str]) -> str:
    names = shlex.join(packages)
    return f"{with_releases(packages)}apt-get update\napt-get install --yes --no-install-recommends {names}\n{_FORGET}"


def _compiled(install: str, folder: str) -> str:
    """The script, and what it brought compiled: files that are newer than the begin.

    One that this Python cannot compile is no fault: some packages hold examples or templates.
    """
    return f"""
begin=$(mktemp)
{install}
find {folder} -name '*.py' -cnewer $begin -exec python {COMPILE} {{}} + || :
rm $begin"""


def _run(script: str, bind: str | None = None) -> str:
    """An instruction; `bind` chooses what is in /build, nothing more is the image's folder."""
    mount = "" if bind is None else f" --mount=type=bind,{bind}target=/build"
    return f"RUN{mount} <<'END'\nset -eu\n{script.strip()}\nEND"
