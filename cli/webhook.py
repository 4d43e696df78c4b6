"""`ariel webhook`: a team's webhook, through the platform's API server, and how far its revision has come."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cli import console
from cli.options import AsJson, Environment, Tenant
from cli.session import open_session

webhook_app = typer.Typer(no_args_is_help=True, help="Let a push reach the platform at once; no verb shows a key.")


@webhook_app.command("issue")
def issue(
    tenant: Tenant,
    env: Environment = "local",
    anew: Annotated[bool, typer.Option("--anew", help="Others than before; those are refused then.")] = False,
) -> None:
    """Write the webhook's URL, its current key and GitHub's secret into the team's vault."""
    query = {"anew": "true"} if anew else None
    found = open_session(env).running_platform().call("POST", f"/ariel/webhook/{tenant}/key", query=query)
    console.out.print(f"in the vault of {found['team']}: {', '.join(found['secrets'])}", markup=False)


@webhook_app.command("status")
def status(tenant: Tenant, env: Environment = "local", as_json: AsJson = False) -> None:
    """Show which revision the mirror serves, which is parsed, and what came by the webhook."""
    found = open_session(env).running_platform().call("GET", f"/ariel/webhook/{tenant}")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    console.out.print(console.table(f"delivery of {tenant} to {env}", ("by", "revision", "when", ""), _stations(found)))
    if found["next_key"] is None:
        console.out.print(f"no key was issued yet: `ariel webhook issue --tenant {tenant} --env {env}`")
        return
    calls = [(each["at"], each["sender"], each["revision"] or "-", each["result"]) for each in found["deliveries"]]
    title = f"calls of the webhook; the next key is number {found['next_key']}"
    console.out.print(console.table(title, ("when", "by", "revision", "result"), calls))


def _stations(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    mirror = found["mirror"] or {"commit": "", "fetched": None, "error": found["fault"]}
    parsed = "\n".join(f"{revision or '-'}: {number} DAGs" for revision, number in sorted(found["parsed"].items()))
    broken = ", ".join(each["file"] for each in found["failures"])
    return [
        ("git mirror", mirror["commit"] or "-", mirror["fetched"] or "-", mirror["error"]),
        ("DAG processor: fetched", found["fetched"] or "-", found["looked"] or "-", ""),
        ("DAG processor: parsed", parsed or "-", found["parsed_at"] or "-", f"broken: {broken}" if broken else ""),
    ]
