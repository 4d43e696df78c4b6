"""The parts that are looked at, each by a plain task of its own. To add one: a function, and its line in `PARTS`.

A look returns what it found, and raises where the part does not work; it shows no secret. It is given the task instance
that looks. Libraries are imported by the look that needs them: a DAG processor reads this.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

from ariel_runtime.diagnostics.report import Finding, State
from ariel_runtime.refusal import Problem, RefusedError

Look = Callable[[Any], Finding]

EXECUTION: Final = "execution"
DEMONSTRATION: Final = "demonstration"
"""Id of the plain secret that is looked for in the tenant's vault."""
_AUDIENCE: Final = "https://vault.azure.net/.default"
_CLIENT: Final = "AZURE_CLIENT_ID"
"""Given to a pod by Azure's workload-identity webhook."""


def execution(instance: Any) -> Finding:
    """That the task runs, and where; `run` is what another task must read as it was written here."""
    from airflow import __version__ as airflow

    # A run without a scheduler (`dag.test`) has no bundle.
    bundle = getattr(instance, "bundle_instance", None)
    revision = bundle.get_current_version() if bundle else None
    facts = {
        "run": instance.run_id,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "python": platform.python_version(),
        "airflow": airflow,
        "runtime": version("ariel-runtime"),
        "revision": getattr(revision, "version", None) or "without versions",
    }
    text = "in {host}, Airflow {airflow}, runtime {runtime}, Python {python}, revision {revision}".format(**facts)
    return Finding(part=EXECUTION, state=State.OK, text=text, facts=facts)


def identity(_: Any) -> Finding:
    """That Entra gives a token to the pod, as the identity that the pod is labelled with and no other's."""
    from ariel_runtime.environment import ENVIRONMENT, LAPTOP

    if os.environ.get(ENVIRONMENT) == LAPTOP:
        return Finding(part="identity", state=State.ABSENT, text="a laptop has none")
    import jwt
    from azure.identity import DefaultAzureCredential

    token = DefaultAzureCredential().get_token(_AUDIENCE).token
    # Only Azure can judge its signature, and does where it is used; what it says is enough here.
    return identity_of(jwt.decode(token, options={"verify_signature": False}), os.environ.get(_CLIENT))


def identity_of(claims: Mapping[str, Any], expected: str | None) -> Finding:
    """Raises RefusedError for a token of another identity: without its own a pod may get the node's."""
    client = claims.get("appid") or claims.get("azp")
    if client != expected:
        rule = f"a token of the pod's own identity, {expected}"
        action = "see the pod's account and its federated credential: docs/identities.md"
        raise RefusedError([Problem(path="workload identity of the pod", value=client, rule=rule, action=action)])
    facts = {key: str(claims.get(key, "")) for key in ("sub", "oid", "tid")} | {"client": str(client)}
    text = "client {client}, object {oid}, subject {sub}, directory {tid}".format(**facts)
    return Finding(part="identity", state=State.OK, text=text, facts=facts)


def demonstration(_: Any) -> Finding:
    """That a secret comes out of the tenant's vault, and was made for this environment."""
    from ariel_runtime import secrets
    from ariel_runtime.environment import ENVIRONMENT

    try:
        return demonstration_of(secrets.get(DEMONSTRATION), os.environ[ENVIRONMENT])
    except secrets.SecretMissingError:
        return Finding(
            part="secret",
            state=State.ABSENT,
            text=f"not set: `ariel secrets set secret {DEMONSTRATION}`, a text that names the environment",
        )


def demonstration_of(value: str, environment: str) -> Finding:
    """Raises RefusedError for one of another environment."""
    if environment not in value:
        rule = f"a text that names its environment, {environment}: this one was made for another"
        action = f"`ariel secrets set secret {DEMONSTRATION}`, in each environment its own"
        shown = f"<{len(value)} characters>"
        raise RefusedError([Problem(path=f"secret {DEMONSTRATION}", value=shown, rule=rule, action=action)])
    return Finding(part="secret", state=State.OK, text=f"{len(value)} characters, which name {environment}")


def database(instance: Any) -> Finding:
    """That the API server keeps what a task writes: a variable, which has the DAG's id and is deleted again."""
    from airflow.sdk import Variable

    key = instance.dag_id
    Variable.set(key, instance.run_id, description="Written, read and deleted by each run of the diagnostics")
    read = Variable.get(key, default=None)
    Variable.delete(key)
    if read != instance.run_id:
        # A value from elsewhere is not shown: it could be a secret of the vault.
        rule = f"what this task wrote just before, {instance.run_id}"
        action = "delete the variable of that id in the vault, in variables.yaml and in the UI"
        raise RefusedError([Problem(path=f"variable {key}", value="something else", rule=rule, action=action)])
    return Finding(part="database", state=State.OK, text=f"variable {key} was written, read and deleted")


PARTS: Final[Mapping[str, Look]] = MappingProxyType(
    {EXECUTION: execution, "identity": identity, "secret": demonstration, "database": database}
)
"""Id of a task -> what it does."""
