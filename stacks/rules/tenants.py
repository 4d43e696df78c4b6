"""Rules of one tenant's block: name, repository, processor, egress, images, alerts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

from stacks import addressing
from stacks.errors import Problem
from stacks.model import EMAIL_PATTERN
from stacks.rules.cluster import WIDEST_PREFIX
from stacks.rules.rule import Rule
from stacks.settings import EnvironmentClass, Settings
from stacks.tenant import Egress, Repository
from stacks.wording import HIDDEN, shown

RESERVED_SLUGS: Final = frozenset(
    {
        "admin",
        "airflow",
        "all",
        "ariel",
        "azure",
        "cluster",
        "data",
        "database",
        "default",
        "endpoints",
        "hub",
        "identity",
        "logs",
        "migration",
        "network",
        "networking",
        "nodes",
        "owner",
        "pgbouncer",
        "platform",
        "postgres",
        "public",
        "reconciler",
        "registry",
        "resolver",
        "runtime",
        "scheduler",
        "system",
        "tasks",
        "tenants",
        "trust",
        "workspace",
    }
)
"""Names of the platform's own parts, which would share names, roles or pools with a tenant of that slug."""

RESERVED_BEGINNINGS: Final = ("kube-", "ariel-", "cluster-", "default-", "platform-", "trust-")
"""Kubernetes keeps `kube-`; the others begin names of the platform's own things and of Airflow's own pools."""

_USER_INFO = re.compile(r"^(?P<scheme>https|ssh|git)://(?P<user>[^/@]*)@")
_IMAGE = re.compile(
    r"^(?:[a-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9._-]+(?:/[a-z0-9._-]+)*"
    r"(?P<version>:(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$"
)
_FOLDER = re.compile(r"^[a-z0-9.-]+(?::[0-9]+)?/[a-z0-9._-]+(?:/[a-z0-9._-]+)*/\*$")


def slugs_are_free(settings: Settings) -> Iterator[Problem]:
    for slug in settings.tenants:
        yield from free_slug(f"tenants.{slug}", slug)


def free_slug(path: str, slug: str) -> Iterator[Problem]:
    if slug in RESERVED_SLUGS or slug.startswith(RESERVED_BEGINNINGS):
        yield Problem(
            path=path,
            value=slug,
            rule="not the name of a part of the platform or of Kubernetes "
            f"({', '.join(sorted(RESERVED_SLUGS))}), nor one that begins with {', '.join(RESERVED_BEGINNINGS)}",
            action="name the tenant after the team",
        )


def repositories_hold_no_credential(settings: Settings) -> Iterator[Problem]:
    """`ssh://git@host` names an account; anything before `@` in https, or behind `:`, is a credential."""
    for slug, tenant in settings.tenants.items():
        match = _USER_INFO.match(tenant.repository.url)
        if match and (match["scheme"] != "ssh" or ":" in match["user"]):
            yield Problem(
                path=f"tenants.{slug}.repository.url",
                value=HIDDEN,
                rule="an address without user name, password or token; the file is in a repository itself",
                action="remove what stands before `@`, revoke it, and name a repository that is readable without a key",
            )


def code_travels_encrypted(settings: Settings) -> Iterator[Problem]:
    for slug, tenant in settings.tenants.items():
        if tenant.repository.url.startswith("git://") and settings.class_ is not EnvironmentClass.SANDBOX:
            yield Problem(
                path=f"tenants.{slug}.repository.url",
                value=shown(tenant.repository.url),
                rule="https:// or ssh:// outside a sandbox: git:// proves neither the server nor the code",
                action=f"use {_encrypted(tenant.repository)}",
            )


def _encrypted(repository: Repository) -> str:
    return repository.url.replace("git://", "https://", 1)


def imports_end_before_files(settings: Settings) -> Iterator[Problem]:
    for slug, tenant in settings.tenants.items():
        processor = tenant.processor
        if processor.import_timeout >= processor.file_timeout:
            yield Problem(
                path=f"tenants.{slug}.processor.importTimeout",
                value=f"{processor.import_timeout} s",
                rule=f"below fileTimeout, which is {processor.file_timeout} s; else the author sees no import error",
                action="lower it, or raise fileTimeout",
            )


def egress_names_one_destination(settings: Settings) -> Iterator[Problem]:
    for path, egress in _egress(settings):
        if (egress.host is None) == (egress.cidr is None):
            yield Problem(
                path=path,
                value="neither host nor cidr" if egress.host is None else f"{egress.host} and {egress.cidr}",
                rule="exactly one of host and cidr",
                action="keep one; write a second entry for a second destination",
            )


def egress_stays_off_the_platform(settings: Settings) -> Iterator[Problem]:
    """A range that holds the platform would open the database, other tenants' endpoints, or a node's identity."""
    plan = addressing.plan_of(settings.network)
    guarded = {"network.addressSpace": plan.space, **{f"network.{name}": net for name, net in plan.overlays.items()}}
    for path, egress in _egress(settings):
        if egress.cidr is None:
            continue
        network = IPv4Network(egress.cidr)
        if network.prefixlen < WIDEST_PREFIX:
            yield Problem(
                path=f"{path}.cidr",
                value=egress.cidr,
                rule=f"a /{WIDEST_PREFIX} or narrower: not the whole internet",
                action="name the destination's own range, or its host",
            )
            continue
        inside = [f"{name} ({own})" for name, own in guarded.items() if network.overlaps(own)]
        inside += [f"Azure's own {own}" for own in addressing.AZURE_PLATFORM if network.overlaps(own)]
        if inside:
            yield Problem(
                path=f"{path}.cidr",
                value=egress.cidr,
                rule=f"outside the platform; it overlaps {' and '.join(inside)}",
                action="name the destination's own, narrower range",
            )


def egress_is_listed_once(settings: Settings) -> Iterator[Problem]:
    for slug, tenant in settings.tenants.items():
        seen: dict[tuple[str | None, str | None, int], int] = {}
        for index, egress in enumerate(tenant.egress):
            first = seen.setdefault((egress.host, egress.cidr, egress.port), index)
            if first != index:
                yield Problem(
                    path=f"tenants.{slug}.egress[{index}]",
                    value=f"{egress.host or egress.cidr}:{egress.port}",
                    rule=f"each destination once; egress[{first}] is the same",
                    action="remove one of them",
                )


def _egress(settings: Settings) -> Iterator[tuple[str, Egress]]:
    for slug, tenant in settings.tenants.items():
        for index, egress in enumerate(tenant.egress):
            yield f"tenants.{slug}.egress[{index}]", egress


def allowed_images_are_pinned(settings: Settings) -> Iterator[Problem]:
    for slug, tenant in settings.tenants.items():
        for index, image in enumerate(tenant.allowed_images):
            if _FOLDER.match(image):
                continue
            match = _IMAGE.match(image)
            if match is None or match["tag"] == "latest":
                yield Problem(
                    path=f"tenants.{slug}.allowedImages[{index}]",
                    value=shown(image),
                    rule="an image with a tag other than `latest` or a sha256 digest, or all images below a folder "
                    "of a registry (`host/folder/*`, never a whole registry)",
                    action="add the tag or digest, or name a folder",
                )


_TARGETS: Final = {
    "slack": (
        r"^#[a-z0-9_-]{1,80}$",
        "a channel such as `#weather-data`, never a webhook's address",
        "write it in quotes; the address is the connection's",
    ),
    "email": (EMAIL_PATTERN, "a mail address", "write it so"),
    "webhook": (
        r"^/[A-Za-z0-9._~/-]{0,200}$",
        "a path such as `/alerts`, without host, query or token",
        "put host and token into the connection",
    ),
}
"""Channel -> pattern of its targets, what they are, what to do."""


def alerts_have_an_address(settings: Settings) -> Iterator[Problem]:
    for slug, tenant in settings.tenants.items():
        if tenant.alerts is None:
            continue
        pattern, rule, action = _TARGETS[tenant.alerts.channel]
        for key, target in (("target", tenant.alerts.target), ("pager", tenant.alerts.pager)):
            if target is not None and re.match(pattern, target) is None:
                yield Problem(
                    path=f"tenants.{slug}.alerts.{key}",
                    value=shown(target),
                    rule=rule,
                    action=action,
                )


def alerts_have_a_sender(settings: Settings) -> Iterator[Problem]:
    """Only the triggerer reads the tenant's vault and outlives its runs."""
    for slug, tenant in settings.tenants.items():
        if tenant.alerts and not tenant.triggerer.enabled:
            yield Problem(
                path=f"tenants.{slug}.alerts",
                value=tenant.alerts.channel,
                rule="only with a triggerer, which sends the messages",
                action=f"leave `tenants.{slug}.triggerer.enabled` out, or remove the alerts",
            )


RULES: Final = (
    Rule(slugs_are_free),
    Rule(repositories_hold_no_credential),
    Rule(code_travels_encrypted, reads=("class",)),
    Rule(imports_end_before_files),
    Rule(egress_names_one_destination),
    Rule(egress_stays_off_the_platform, reads=("network",)),
    Rule(egress_is_listed_once),
    Rule(allowed_images_are_pinned),
    Rule(alerts_have_an_address),
    Rule(alerts_have_a_sender),
)
