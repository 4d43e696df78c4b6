"""What pods find on a running node: their images, the platform's identities, repositories and certificates.

Owns the order in which a node is furnished for a stack's settings. Does not own how an image is built
(`sandbox.rootfs`), a repository served (`sandbox.git_server`) or an identity attached (`sandbox.workload_identity`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sandbox import git_server, workload_identity
from sandbox.cluster import Cluster
from sandbox.paths import REPOSITORY
from sandbox.report import Report
from sandbox.rootfs import images
from stacks import starter
from stacks.naming import Kind, Names
from stacks.settings import Image, Settings

TENANT_SOURCES: Final = REPOSITORY / "dags" / "tenants"


def image_settings(settings: Settings) -> dict[str, Image]:
    """Name of an image definition -> what the stack file says of it."""
    return {
        "airflow": settings.airflow.image,
        "pgbouncer": settings.images.pgbouncer,
        "statsd-exporter": settings.images.statsd,
    }


def registry(settings: Settings) -> str:
    """Login server of the stack's registry, whose name the images have in the node as well."""
    return f"{Names(organisation=settings.organisation, stack=settings.stack).of(Kind.REGISTRY)}.azurecr.io"


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
                first = Path(folder) / slug
                starter.write(first, slug)
                git_server.publish(repositories, path, first, tenant.repository.branch)


def take_child(settings: Settings, cluster: Cluster, image: images.BuiltImage, tag: str, report: Report) -> str:
    """Import a team's image; returns the name by which its pods find it. Raises MachineError."""
    wanted = f"{registry(settings)}/{image.repository}:{tag}"
    present = cluster.images()
    if not {wanted, image.reference} <= present:
        _take(cluster, image, wanted, present, report)
    return wanted


def _import(settings: Settings, cluster: Cluster, built: Mapping[str, images.BuiltImage], report: Report) -> None:
    present = cluster.images()
    for name, said in image_settings(settings).items():
        wanted = f"{registry(settings)}/{said.repository}:{built[name].version_tag}"
        if wanted not in present:
            _take(cluster, built[name], wanted, present, report)


def _take(cluster: Cluster, image: images.BuiltImage, wanted: str, present: Set[str], report: Report) -> None:
    with report.step(f"Import image {image.name}"):
        for part in image.parts():
            if part.reference not in present:
                cluster.import_image(part.archive)
        cluster.name_image(image.reference, wanted)
