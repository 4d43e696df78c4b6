"""Where a task's pod goes and as whom it runs: from the tenant's registry entry and the author's request, purely.

The pod is what the executor lays over the release's template, so it holds what is the tenant's and nothing else; the
template's hardening stays. Admission policies judge the result once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kubernetes.client import models

from ariel_runtime.notifications.routes import ALERTS, as_variable
from ariel_runtime.pod_request import KEY, PodRequest
from ariel_runtime.refusal import Problem, RefusedError
from ariel_runtime.registry import LABEL, Tenant

AUTHOR_LABELS: Final = "task.ariel.dev"
"""Prefix of the labels that an author sets: under it none can be mistaken for one that somebody selects by."""
CONTAINER: Final = "base"
"""The name by which the executor merges this container with the template's and its own."""
_OWN_ACCOUNT: Final = "task"


def tenant_of(bundle: str, dag_id: str, known: Mapping[str, Tenant]) -> Tenant:
    """The tenant of a bundle, if the DAG is its own: ids begin with the slug. Raises RefusedError."""
    tenant = known.get(bundle)
    if tenant is None:
        raise RefusedError(
            [
                Problem(
                    path="bundle",
                    value=bundle,
                    rule="the bundle of a tenant of this platform",
                    action="if the tenant was removed, its runs end here; if it was just added, clear the task",
                )
            ]
        )
    if not dag_id.startswith(f"{tenant.slug}."):
        raise RefusedError(
            [
                Problem(
                    path="dag_id",
                    value=dag_id,
                    rule=f"begins with '{tenant.slug}.', the tenant whose repository holds it",
                    action=f"rename the DAG to '{tenant.slug}.{dag_id}'",
                )
            ]
        )
    return tenant


def task_pod(tenant: Tenant, request: PodRequest) -> models.V1Pod:
    """What the tenant and the author add to the template. Raises RefusedError."""
    account = f"{_OWN_ACCOUNT}-{request.identity}" if request.identity else _OWN_ACCOUNT
    image = full_name(tenant, request.image)
    problems = [*_of_identity(tenant, account, request.identity), *_of_image(tenant, image)]
    if problems:
        raise RefusedError(problems)
    alerts = {ALERTS: as_variable(tenant.alerts)} if tenant.alerts else {}
    variables = {**tenant.environment, **alerts}
    labels = {f"{AUTHOR_LABELS}/{name}": value for name, value in request.labels.items()}
    return models.V1Pod(
        metadata=models.V1ObjectMeta(namespace=tenant.task_namespace, labels={**labels, LABEL: tenant.slug}),
        spec=models.V1PodSpec(
            service_account_name=account,
            containers=[
                models.V1Container(
                    name=CONTAINER,
                    image=image,
                    env=[models.V1EnvVar(name=name, value=value) for name, value in variables.items()],
                    resources=_resources(request),
                )
            ],
        ),
    )


def _resources(request: PodRequest) -> models.V1ResourceRequirements | None:
    if request.size is None:
        return None
    asked = {"cpu": request.size.cpu, "memory": request.size.memory}
    return models.V1ResourceRequirements(requests=asked, limits={"memory": request.size.memory})


def _of_identity(tenant: Tenant, account: str, identity: str | None) -> list[Problem]:
    if account in tenant.accounts:
        return []
    groups = sorted(name.removeprefix(f"{_OWN_ACCOUNT}-") for name in tenant.accounts if name != _OWN_ACCOUNT)
    return [
        Problem(
            path=f"executor_config.{KEY}.identity",
            value=identity,
            rule=f"one of {', '.join(groups)}" if groups else "none: the tenant has no DAG groups",
            action=f"leave it out, or have the group added to `tenants.{tenant.slug}.identities`",
        )
    ]


def full_name(tenant: Tenant, image: str | None) -> str | None:
    """A bare `name:tag` in the first place among the tenant's images that may hold it; all else as it stands.

    In the platform's registry, the one that is allowed whole, a tenant's images are below its slug.
    """
    if image is None or "/" in image:
        return image
    name = _untagged(image)
    for pattern in tenant.images:
        place, slash, last = pattern.rpartition("/")
        if last == "*" or _untagged(last) == name:
            folder = place if "/" in place or last != "*" else f"{place}/{tenant.slug}"
            return pattern if image == name == _untagged(last) else f"{folder}{slash}{image}"
    return image


def _untagged(image: str) -> str:
    return image.partition("@")[0].partition(":")[0]


def _of_image(tenant: Tenant, image: str | None) -> list[Problem]:
    if image is None or any(_is_allowed(image, pattern) for pattern in tenant.images):
        return []
    return [
        Problem(
            path=f"executor_config.{KEY}.image",
            value=image,
            rule=f"matches one of {', '.join(tenant.images)}" if tenant.images else "none but the platform's own",
            action=f"leave it out, or have the image added to `tenants.{tenant.slug}.allowedImages`",
        )
    ]


def _is_allowed(image: str, pattern: str) -> bool:
    """As the admission policy matches: `<prefix>/*`, an image, or one without tag for all its tags and digests."""
    if pattern.endswith("/*"):
        return image.startswith(pattern[:-1])
    tag = image.removeprefix(f"{pattern}:")
    return image == pattern or image.startswith(f"{pattern}@") or (tag != image and "/" not in tag)
