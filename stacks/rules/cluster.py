"""Rules of cluster, versions and images."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

from stacks import versions
from stacks.errors import Problem
from stacks.rules.rule import Rule
from stacks.settings import EnvironmentClass, Image, Settings
from stacks.wording import shown

WIDEST_PREFIX: Final = 8
"""A range of callers or destinations wider than a /8 is the internet by another name (two /1 are 0.0.0.0/0)."""


def pools_have_room(settings: Settings) -> Iterator[Problem]:
    pools = {"systemPool": settings.kubernetes.system_pool, "taskPool": settings.kubernetes.task_pool}
    for name, pool in pools.items():
        if pool.minimum > pool.maximum:
            yield Problem(
                path=f"kubernetes.{name}.minimum",
                value=str(pool.minimum),
                rule=f"not above kubernetes.{name}.maximum, which is {pool.maximum}",
                action="lower it, or raise the maximum",
            )
    if pools["systemPool"].minimum < 1:
        yield Problem(
            path="kubernetes.systemPool.minimum",
            value=str(pools["systemPool"].minimum),
            rule="at least 1: AKS runs its own parts there",
            action="raise it",
        )


def public_api_server_has_ranges(settings: Settings) -> Iterator[Problem]:
    kubernetes = settings.kubernetes
    outside_sandbox = settings.class_ is not EnvironmentClass.SANDBOX
    if not kubernetes.private and not kubernetes.authorized_ranges and outside_sandbox:
        yield Problem(
            path="kubernetes.authorizedRanges",
            value="(none)",
            rule="a public API server says who may reach it",
            action="list the ranges of offices and runners, or set kubernetes.private to true",
        )
    if kubernetes.private and kubernetes.authorized_ranges:
        yield Problem(
            path="kubernetes.authorizedRanges",
            value=shown(kubernetes.authorized_ranges),
            rule="only a public API server has them: Azure refuses both together",
            action="remove them, or set kubernetes.private to false",
        )


def callers_are_not_everybody(settings: Settings) -> Iterator[Problem]:
    for index, text in enumerate(settings.kubernetes.authorized_ranges):
        if IPv4Network(text).prefixlen < WIDEST_PREFIX:
            yield Problem(
                path=f"kubernetes.authorizedRanges[{index}]",
                value=text,
                rule=f"a /{WIDEST_PREFIX} or narrower: not the whole internet",
                action="name the ranges of offices and runners",
            )


def airflow_and_chart_were_tested_together(settings: Settings) -> Iterator[Problem]:
    pair = (settings.airflow.version, settings.airflow.chart)
    if pair not in versions.SUPPORTED_PAIRS:
        pairs = ", ".join(f"{airflow} with {chart}" for airflow, chart in sorted(versions.SUPPORTED_PAIRS))
        yield Problem(
            path="airflow.version",
            value=f"{pair[0]} with chart {pair[1]}",
            rule=f"a pair whose render is pinned by tests: {pairs}",
            action="set airflow.version and airflow.chart to such a pair, or leave both away",
        )


def versions_are_supported(settings: Settings) -> Iterator[Problem]:
    for path, version, supported in (
        ("kubernetes.version", settings.kubernetes.version, versions.SUPPORTED_KUBERNETES),
        ("database.version", settings.database.version, versions.SUPPORTED_POSTGRESQL),
    ):
        if version not in supported:
            yield Problem(
                path=path,
                value=version,
                rule=f"one of {', '.join(sorted(supported))}",
                action="choose one of them, in quotes, or leave it away",
            )


def images_are_pinned(settings: Settings) -> Iterator[Problem]:
    for path, image in _images(settings):
        if image.tag == "latest":
            yield Problem(
                path=f"{path}.tag",
                value=image.tag,
                rule="a tag which never moves; `latest` moves",
                action="name the version that was built",
            )


def images_come_from_the_own_registry(settings: Settings) -> Iterator[Problem]:
    for path, image in _images(settings):
        host = image.repository.split("/", 1)[0]
        if "." in host or ":" in image.repository:
            yield Problem(
                path=f"{path}.repository",
                value=shown(image.repository),
                rule="relative to the stack's registry: no host, no port, no tag",
                action=f"push the image there (`az acr import`) and write `{_relative(image.repository)}`",
            )


def _images(settings: Settings) -> Iterator[tuple[str, Image]]:
    yield "airflow.image", settings.airflow.image
    yield from ((f"images.{name}", image) for name, image in settings.images)


def _relative(repository: str) -> str:
    host, _, rest = repository.partition("/")
    path = rest if rest and ("." in host or ":" in host) else repository
    return path.split(":", 1)[0]


RULES: Final = (
    Rule(pools_have_room, reads=("kubernetes.systemPool", "kubernetes.taskPool")),
    Rule(public_api_server_has_ranges, reads=("class", "kubernetes.private", "kubernetes.authorizedRanges")),
    Rule(callers_are_not_everybody, reads=("kubernetes.authorizedRanges",)),
    Rule(airflow_and_chart_were_tested_together, reads=("airflow.version", "airflow.chart")),
    Rule(versions_are_supported, reads=()),
    Rule(images_are_pinned, reads=()),
    Rule(images_come_from_the_own_registry, reads=()),
)
