"""What pods find on a running node: their images, the platform's identities, repositories and certificates.

Owns the order in which a node is furnished for a stack's settings. Does not own how an image is built
(`sandbox.rootfs`), a repository served (`sandbox.git_server`) or an identity attached (`sandbox.workload_identity`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sandbox import git_server, workload_identity
from sandbox.cluster import Cluster
from sandbox.paths import REPOSITORY
from sandbox.report import Report
from sandbox.rootfs import images
from stacks.naming import Kind, Names
from stacks.settings import Image, Settings

TENANT_SOURCES: Final = REPOSITORY / "dags" / "tenants"
STARTER: Final = REPOSITORY / "dags" / "starter"
"""What a tenant without an example of its own begins with."""
PLACEHOLDER: Final = "SLUG"


def image_settings(settings: Settings) -> dict[str, Image]:
    """Name of an image definition -> what the stack file says of it."""
    return {
        "airflow": settings.airflow.image,
        "pgbouncer": settings.images.pgbouncer,
        "statsd-exporter": settings.images.statsd,
    }


def git_hosts(settings: Settings) -> frozenset[str]:
    """The hosts of the tenants' repositories, for which the sandbox's git server answers."""
    urls = (tenant.repository.url for tenant in settings.tenants.values())
    return frozenset(host for url in urls if url.startswith("https://") and (host := urlsplit(url).hostname))


def furnish(
    settings: Settings, cluster: Cluster, repositories: Path, report: Report
) -> Mapping[str, images.BuiltImage]:
    """Give the node of `cluster` what the pods of these settings need; returns the images. Raises MachineError."""
    workload_identity.apply(cluster.kubeconfig, settings.azure.tenant_id)
    _publish(settings, repositories)
    built = images.ensure_images(report)
    _import(settings, cluster, built, report)
    return built


def _publish(settings: Settings, repositories: Path) -> None:
    """Each tenant's repository, from its example in this checkout; one that is there is left to its owner."""
    for slug, tenant in settings.tenants.items():
        url = tenant.repository.url
        if not url.startswith("https://"):
            continue
        path = urlsplit(url).path.lstrip("/")
        example = TENANT_SOURCES / slug
        if example.is_dir():
            git_server.publish(repositories, path, example, tenant.repository.branch)
        elif not (repositories / path).exists():
            with tempfile.TemporaryDirectory() as folder:
                git_server.publish(repositories, path, _starter(slug, Path(folder) / slug), tenant.repository.branch)


def _starter(slug: str, folder: Path) -> Path:
    """A first repository for that tenant."""
    shutil.copytree(STARTER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in folder.rglob("*.*"):
        file.write_text(file.read_text().replace(PLACEHOLDER, slug))
    return folder


def _import(settings: Settings, cluster: Cluster, built: Mapping[str, images.BuiltImage], report: Report) -> None:
    present = cluster.images()
    names = Names(organisation=settings.organisation, stack=settings.stack)
    registry = f"{names.of(Kind.REGISTRY)}.azurecr.io"
    for name, said in image_settings(settings).items():
        image = built[name]
        wanted = f"{registry}/{said.repository}:{image.version_tag}"
        if wanted in present:
            continue
        with report.step(f"Import image {name}"):
            for part in (image.foundation, image):
                if part is not None and part.reference not in present:
                    cluster.import_image(part.archive)
            cluster.name_image(image.reference, wanted)
