"""For DAG code: `identity.application("partner")` in a task or trigger speaks as an app registration of somebody else.

No client id and no key stands in the DAG: the stack file names the registration. What speaks as the tenant itself needs
nothing of this; Azure's `DefaultAzureCredential` finds the identity of the pod.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from ariel_runtime import secrets
from ariel_runtime.refusal import Problem, RefusedError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

APPLICATIONS: Final = "ARIEL_APPLICATIONS"
"""Variable of task pods and the triggerer: JSON, name -> {clientId, tenantId, certificate: id of a secret, or null}."""

_PATH: Final = "ariel_runtime.identity.application"


def application(name: str) -> TokenCredential:
    """A credential for clients of Azure's SDK; it holds its tokens, so one is enough for a task.

    A federated application is asked by the token of the pod's account, another one by the certificate in the tenant's
    vault. Whether Entra agrees shows at the first token. Raises RefusedError for an unknown name and for a certificate
    that is none, and what `secrets.get` raises.
    """
    known = _applications(os.environ)
    if name not in known:
        raise RefusedError([_unknown(name, known)])
    found = known[name]
    if found["certificate"] is not None:
        return _by_certificate(found["tenantId"], found["clientId"], found["certificate"])
    from azure.identity import WorkloadIdentityCredential

    return WorkloadIdentityCredential(tenant_id=found["tenantId"], client_id=found["clientId"])


def certificates(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Application in the environment of a tenant's tasks -> id of the secret that is its certificate, if one is."""
    return {name: each["certificate"] for name, each in _applications(environment).items()}


def _applications(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(environment.get(APPLICATIONS, "{}"))
    return found


def _unknown(name: str, known: Collection[str]) -> Problem:
    listed = ", ".join(sorted(known))
    return Problem(
        path=_PATH,
        value=name,
        rule=f"one of the tenant's applications: {listed}" if known else "an application of the tenant; there is none",
        action="name it under `applications` in the tenant's block of the stack file; ask for it in a task or trigger",
    )


def _by_certificate(tenant_id: str, client_id: str, secret: str) -> TokenCredential:
    from azure.identity import CertificateCredential

    pem = secrets.get(secret)
    try:
        return CertificateCredential(tenant_id, client_id, certificate_data=pem.encode())
    except Exception as error:  # noqa: BLE001 - what reads a certificate may say what stands in it
        fault = type(error).__name__
    problem = Problem(
        path=f"secret {secret} of the team",
        value=f"<{len(pem)} characters>",
        rule=f"PEM of a certificate and its RSA key, without a password ({fault})",
        action=f"`ariel secrets set secret {secret} --file app.pem`",
    )
    raise RefusedError([problem])
