"""Airflow's shared core: scheduler, API server and statsd, as one Helm release of the official chart.

Owns the release, the Secrets that it mounts and the base pod of all tasks. Deliberately not here: namespaces, Roles
and RoleBindings (`rbac.create` is off), what the pods may reach (`platform_network`; the chart's policies say who may
reach them), PgBouncer, the migration job on which the release must depend, and everything of a tenant: DAG processor,
triggerer, task namespaces.

No credential reaches a container by a variable. Fernet key, API secret, JWT secret and database URL are files of one
read-only volume, and Airflow reads them by the `_CMD` form of the option (tested for each of the four). The chart
offers a switch for each of its own variables, so none of them is left.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from components.airflow_settings import SignIn, checked_metadata_url
from components.airflow_values import (
    ADMIN_SECRET,
    KEYS_SECRET,
    METADATA_SECRET,
    PASSWORDS_FILE,
    RELEASE,
    ReleaseValues,
    airflow_values,
    execution_url,
)
from stacks.errors import Problem, SettingsError
from stacks.settings import Component

HELM_SECONDS: Final = 900
"""How long Helm waits for ready Deployments; its default of 300 s is short of a first image pull."""


@dataclass(frozen=True, kw_only=True)
class AirflowArgs:
    """What a release is made of. Plain fields decide what exists; `pulumi.Input` fields are only passed through."""

    environment: str
    """What UI and tasks call the environment."""
    namespace: str
    """Namespace of the release; it must exist."""
    airflow_version: str
    chart_version: str
    chart_repository: str
    image: pulumi.Input[str]
    """`repository:tag` or `repository@sha256:...`, for all components and as default of task pods."""
    statsd_image: pulumi.Input[str]
    """`repository:tag` of prometheus/statsd-exporter."""
    sign_in: SignIn
    host: str
    """Host name of the web interface."""
    ingress_class: str
    ingress_namespace: str
    """Namespace of the ingress controller, which the network policy lets in."""
    certificate_uri: pulumi.Input[str]
    """Unversioned id of the certificate of `host` in a vault, which AKS' routing add-on keeps as Secret."""
    scheduler: Component
    api_server: Component
    api_server_client_id: pulumi.Input[str]
    """Client id of the API server's identity, which reads task logs. The scheduler needs nothing in Azure."""
    log_account_url: pulumi.Input[str]
    """Blob endpoint of the log storage account, `https://<account>.blob.core.windows.net/`."""
    log_container: str
    """Container in which the API server looks for a log whose tenant it cannot tell."""
    metadata_url: pulumi.Input[str]
    """`postgresql+psycopg2://login:password@host:port/alias` at PgBouncer, without a query."""
    fernet_key: pulumi.Input[str]
    api_secret_key: pulumi.Input[str]
    jwt_secret: pulumi.Input[str]
    admin_password: pulumi.Input[str] | None = None
    """Password of user `admin`; with `simple` sign-in only, and required there."""
    task_node_selector: Mapping[str, str]
    """Labels of the nodes on which task pods run; empty where any node will do."""
    task_tolerations: Sequence[Mapping[str, str]]

    def __post_init__(self) -> None:
        if (self.sign_in == "simple") != (self.admin_password is not None):
            given = "not given" if self.admin_password is None else "given"
            raise SettingsError(
                [
                    Problem(
                        path="airflow.signIn",
                        value=f"{self.sign_in}, with the administrator's password {given}",
                        rule="`simple` has a password of its own, any other sign-in has none",
                        action="give admin_password with `simple` only",
                    )
                ]
            )


class Airflow(pulumi.ComponentResource):
    """The release; see the module's description."""

    url: pulumi.Output[str]
    """Web interface and public API."""
    execution_url: pulumi.Output[str]
    """Execution API, for pods of any namespace of the cluster."""
    config_version: pulumi.Output[str]
    """Digest of the mounted credentials; pods restart when it changes."""

    def __init__(self, name: str, args: AirflowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Airflow", name, None, opts)
        contents = _secret_contents(args)
        secrets = [
            kubernetes.core.v1.Secret(
                f"{name}-{secret.removeprefix('ariel-')}",
                metadata={"name": secret, "namespace": args.namespace},
                type="Opaque",
                string_data=data,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for secret, data in contents.items()
        ]
        self.config_version = _digest(contents)
        kubernetes.helm.v3.Release(
            name,
            name=RELEASE,
            namespace=args.namespace,
            chart="airflow",
            version=args.chart_version,
            repository_opts={"repo": args.chart_repository},
            values=_values(args, self.config_version),
            timeout=HELM_SECONDS,
            opts=pulumi.ResourceOptions(parent=self, depends_on=secrets),
        )
        self.url = pulumi.Output.from_input(f"https://{args.host}")
        self.execution_url = pulumi.Output.from_input(execution_url(args.namespace))
        self.register_outputs(
            {"url": self.url, "executionUrl": self.execution_url, "configVersion": self.config_version}
        )


def _secret_contents(args: AirflowArgs) -> dict[str, dict[str, pulumi.Output[str]]]:
    """Secret name -> file -> content. Keys and connection meet in one folder, so the names of their files differ."""
    keys = {
        "fernet-key": args.fernet_key,
        "api-secret-key": args.api_secret_key,
        "jwt-secret": args.jwt_secret,
    }
    contents = {
        KEYS_SECRET: {file: pulumi.Output.secret(content) for file, content in keys.items()},
        METADATA_SECRET: {"connection": pulumi.Output.secret(args.metadata_url).apply(checked_metadata_url)},
    }
    if args.admin_password is not None:
        passwords = pulumi.Output.secret(args.admin_password).apply(lambda password: json.dumps({"admin": password}))
        contents[ADMIN_SECRET] = {PASSWORDS_FILE: passwords}
    return contents


def _digest(contents: Mapping[str, Mapping[str, pulumi.Output[str]]]) -> pulumi.Output[str]:
    """First 16 hex digits of SHA-256; safe to show, since each part is a long random value."""
    digest = pulumi.Output.all(**contents).apply(
        lambda known: hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]
    )
    return pulumi.Output.unsecret(digest)


def _values(args: AirflowArgs, config_version: pulumi.Output[str]) -> pulumi.Output[dict[str, Any]]:
    """The chart's values once every part is known; in a first preview they are unknown as a whole."""
    shared = {field.name for field in fields(ReleaseValues)} & {field.name for field in fields(AirflowArgs)}
    inputs = {name: getattr(args, name) for name in shared}
    passed_through = ("image", "statsd_image", "api_server_client_id", "log_account_url", "certificate_uri")
    plain = {name: value for name, value in inputs.items() if name not in passed_through}
    late = {name: inputs[name] for name in passed_through}
    return pulumi.Output.all(config_version=config_version, **late).apply(
        lambda known: airflow_values(ReleaseValues(**plain, **known))
    )
