"""The tenants as one Airflow process knows them: one follower of the registry, started when it is first asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Final

from airflow.configuration import conf

from ariel_runtime.environment import ENVIRONMENT, LAPTOP
from ariel_runtime.kubernetes_api import KubernetesApi
from ariel_runtime.registry import Follower, Tenant, TenantRegistry

_FIRST_READ_SECONDS: Final = 30


class RegistryUnreadError(RuntimeError):
    """The registry has not been read yet, so it cannot be told who is a tenant and who is not."""


def tenants() -> Mapping[str, Tenant]:
    """Slug -> tenant, at most a second old. Raises RegistryUnreadError; only the first call waits.

    A laptop is nobody's cluster: it knows none.
    """
    if os.environ.get(ENVIRONMENT) == LAPTOP:
        return {}
    follower = _follower()
    if not follower.wait(_FIRST_READ_SECONDS):
        raise RegistryUnreadError(f"the tenant registry could not be read within {_FIRST_READ_SECONDS} seconds")
    return follower.latest.tenants


def followed() -> Mapping[str, Tenant]:
    """As `tenants`, but never waits: none in a process that has not asked for them."""
    return _follower().latest.tenants if _follower.cache_info().currsize else {}


def tenant_of_dag(dag_id: str) -> Tenant | None:
    """The tenant whose prefix the id has."""
    return tenants().get(dag_id.partition(".")[0])


@cache
def _follower() -> Follower:
    namespace = conf.get_mandatory_value("kubernetes_executor", "namespace")
    follower = Follower(TenantRegistry(KubernetesApi.of_this_pod(), namespace))
    follower.start()
    return follower


# A forked process has no threads of its parent.
os.register_at_fork(after_in_child=_follower.cache_clear)
