"""What a person sees of a plan and of an environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from cli.console import table
from cli.plan import UNCHANGED, Plan
from components.airflow_values import ADMIN_SECRET
from components.namespace import PLATFORM

if TYPE_CHECKING:
    from cli.session import Session

_DECODED: Final = "-o go-template='{{range .data}}{{base64decode . | println}}{{end}}'"
"""Makes kubectl print what a Secret holds, on no command line."""


def of_changes(plan: Plan) -> Table | None:
    """Type -> how many of each operation; None where nothing changes."""
    counted: Counter[tuple[str, str]] = Counter(
        (step["op"], step["urn"].split("::")[2].rsplit("$", 1)[-1]) for step in plan.steps if step["op"] != UNCHANGED
    )
    if not counted:
        return None
    rows = [(op, kind, str(number)) for (op, kind), number in sorted(counted.items())]
    return table(f"{plan.changes} of {len(plan.steps)} resources", ("operation", "type", "number"), rows)


def of_environment(outputs: Mapping[str, Any]) -> list[Table]:
    """The platform's end points, and one row per tenant."""
    platform: Mapping[str, Any] = outputs.get("platform", {})
    tenants: Mapping[str, Mapping[str, Any]] = outputs.get("tenants", {})
    made = [table("platform", ("what", "value"), [(key, str(value)) for key, value in sorted(platform.items())])]
    rows = [
        (
            slug,
            "\n".join((tenant["taskNamespace"], tenant["parseNamespace"])),
            str(tenant["vault"]),
            "\n".join(f"{account}: {client}" for account, client in sorted(tenant["identities"].items())),
        )
        for slug, tenant in sorted(tenants.items())
    ]
    made.append(table("tenants", ("tenant", "namespaces", "vault", "identities (account: client id)"), rows))
    return made


def of_components(components: Sequence[Mapping[str, Any]]) -> Table:
    return table("components", ("name", "ready"), [(c["name"], "yes" if c["ready"] else "no") for c in components])


def of_tenants(tenants: Sequence[Mapping[str, Any]]) -> Table:
    rows = [(tenant["slug"], tenant["namespace"], *_of_run(tenant["last_run"])) for tenant in tenants]
    return table("tenants", ("tenant", "namespace", "last run", "state", "at"), rows)


def of_secrets(listing: Mapping[str, Any], now: datetime) -> Table:
    """What the platform says of a team's secrets; ages as of `now`."""
    rows = [
        (
            secret["kind"],
            secret["id"],
            secret["type"] or "-",
            _age(secret["updated"], now),
            secret["expires"] or "-",
            "\n".join(secret["named_in"]) or "-",
            "" if secret["enabled"] else "disabled",
        )
        for secret in listing["secrets"]
    ]
    columns = ("kind", "id", "type", "set", "expires", "named in", "")
    return table(f"secrets of {listing['team']} in {listing['vault']}", columns, rows)


def _age(when: str | None, now: datetime) -> str:
    if when is None:
        return "-"
    seconds = max(0, int((now - datetime.fromisoformat(when)).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _of_run(run: Mapping[str, str] | None) -> tuple[str, str, str]:
    return (run["dag_id"], run["state"], run["at"]) if run else ("-", "-", "-")


def next_steps(session: Session) -> str:
    """What a person would do now."""
    stack = session.stack
    steps = {
        "add a tenant": f"ariel tenant add SLUG --stack {stack} ...  (one block in Pulumi.{stack}.yaml); then up again"
    }
    if not session.live:
        kubectl = f"KUBECONFIG=$(ariel kubeconfig -s {stack}) $(ariel path kubectl)"
        if session.sandbox.network:
            steps |= {
                "open Airflow": session.sandbox.ingress.url(session.settings.airflow.host),
                "its password": f"{kubectl} get secret {ADMIN_SECRET} -n {PLATFORM} {_DECODED}",
            }
        steps |= {
            "look at it": f"{kubectl} get all -A",
            "what runs": f"ariel status --stack {stack}",
            "stop, keep data": f"ariel down --stack {stack}",
        }
    return "\n".join(["next:", *(f"  {what:<16}  {command}" for what, command in steps.items())])
