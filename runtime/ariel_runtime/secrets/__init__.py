"""For DAG code: `secrets.get("name")` in a task or trigger, `secrets.group("name", beside=__file__)` anywhere.

No vault and no environment stands in the DAG: the platform knows both. Connections and variables are Airflow's own
`Connection.get` and `Variable.get`, which ask the same vault.
"""

from __future__ import annotations

import os
from pathlib import Path

from ariel_runtime.environment import ENVIRONMENT
from ariel_runtime.refusal import Problem, RefusedError


class SecretMissingError(RefusedError):
    """There is no such secret, or no place here from which it could come."""

    def __init__(self, name: str, rule: str, action: str) -> None:
        super().__init__([Problem(path="ariel_runtime.secrets.get", value=name, rule=rule, action=action)])


def get(name: str) -> str:
    """The value, which logs show as `***`.

    Raises SecretMissingError where there is none, and AirflowSecretsBackendAccessDenied where it is not given.
    """
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    from ariel_runtime.secrets.backend import TenantSecretsBackend
    from ariel_runtime.secrets.names import Kind

    backend = next((each for each in ensure_secrets_backend_loaded() if isinstance(each, TenantSecretsBackend)), None)
    if backend is None:
        rule = "asked by a running task or trigger: a DAG file is parsed without secrets"
        raise SecretMissingError(name, rule, "move the call into the task")
    value = backend.get_secret(name)
    if value is None:
        raise SecretMissingError(name, "a secret in the tenant's vault", backend.setting_of(Kind.SECRET, name))
    return value


def group(name: str, *, beside: str) -> tuple[str, ...]:
    """Ids of the connections that the team's `connections.yaml` lists under that group; reads no secret.

    `beside` is the DAG's `__file__`: the file of connections lies in its folder or one above. Raises RefusedError.
    """
    from ariel_runtime.secrets.repository_files import CONNECTIONS, read

    root = next((folder for folder in Path(beside).resolve().parents if (folder / CONNECTIONS).is_file()), None)
    groups = {} if root is None else read(root, os.environ.get(ENVIRONMENT, "")).groups
    if name not in groups:
        known = f"one of {', '.join(sorted(groups))}" if groups else f"a group of {CONNECTIONS}, and there is none"
        action = f"add it to {CONNECTIONS} at the top of the repository"
        raise RefusedError([Problem(path="ariel_runtime.secrets.group", value=name, rule=known, action=action)])
    return groups[name]
