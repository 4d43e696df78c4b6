"""What an environment has that a check asks for, by name: secrets, versions, the delivered revision, runs in flight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from cli.platform import Platform, PlatformError

_PAGE: Final = 100
_IN_FLIGHT: Final = ["running", "queued"]


def inventory(platform: Platform, tenant: str, env: str) -> dict[str, Any]:
    """What tasks of the team can look up; of the vault and of Airflow's database."""
    now = datetime.now(UTC)
    vault = [
        {
            "kind": each["kind"],
            "id": each["id"],
            "usable": each["enabled"] and (each["expires"] is None or datetime.fromisoformat(each["expires"]) > now),
        }
        for each in platform.call("GET", f"/ariel/secrets/{tenant}")["secrets"]
    ]
    database = [
        {"kind": kind, "id": each[name]}
        for kind, name in (("connection", "connection_id"), ("variable", "key"))
        for each in _all(platform, f"{kind}s", f"{kind}s")
        if each.get("team_name") in (None, tenant)
    ]
    return {"environment": env, "vault": vault, "database": database}


def packages(platform: Platform) -> dict[str, str]:
    """Airflow and its providers -> version; empty where the caller may not see them. Ariel's runtime is one of them."""
    with suppress(PlatformError):
        found = {each["package_name"]: each["version"] for each in _all(platform, "providers", "providers")}
        return {"apache-airflow": platform.call("GET", "/api/v2/version")["version"], **found}
    return {}


def delivered(platform: Platform, tenant: str) -> str | None:
    """The commit that the team's DAGs were last parsed at; of several, where files fail, the one of the most."""
    found = Counter(
        each["bundle_version"]
        for each in _all(platform, "dags", "dags", dag_id_prefix_pattern=f"{tenant}.")
        if each["bundle_version"]
    )
    return found.most_common(1)[0][0] if found else None


def runs_in_flight(platform: Platform, tenant: str) -> list[dict[str, Any]]:
    """`{dag_id, run_id, state, start_date, bundle_version}`; the last is None for a run that is on no commit."""
    query = {"dag_id_prefix_pattern": f"{tenant}.", "state": _IN_FLIGHT}
    return [
        {
            "dag_id": each["dag_id"],
            "run_id": each["dag_run_id"],
            "state": each["state"],
            "start_date": each["start_date"],
            "bundle_version": each["bundle_version"],
        }
        for each in _all(platform, "dags/~/dagRuns", "dag_runs", **query)
    ]


def _all(platform: Platform, path: str, what: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Page by page: Airflow cuts every answer."""
    seen = 0
    while True:
        answer = platform.call("GET", f"/api/v2/{path}", query={**query, "limit": _PAGE, "offset": seen})
        yield from answer[what]
        seen += len(answer[what])
        if not answer[what] or seen >= answer["total_entries"]:
            return
