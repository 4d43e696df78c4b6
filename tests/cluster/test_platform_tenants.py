"""A third tenant comes and goes: what it gets, and that nobody else notices."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from stacks.naming import processor_role, triggerer_role
from tests.cluster.running_platform import STACK, RunningPlatform

SLUG = "harbour"
SHARED = ("airflow", "parse-mobility", "parse-weather", "tasks-mobility", "tasks-weather", "kube-system")
GENERATIONS = "deployments,statefulsets,daemonsets,jobs,services,networkpolicies,resourcequotas,poddisruptionbudgets"
LEFT_IN_DATABASE = {
    "team": "SELECT name FROM team WHERE name = '{slug}'",
    "pool": "SELECT pool FROM slot_pool WHERE pool = '{slug}' OR team_name = '{slug}'",
    "active bundle": "SELECT name FROM dag_bundle WHERE name = '{slug}' AND active",
    "entry": "SELECT slug FROM ariel.tenant WHERE slug = '{slug}'",
    "session": "SELECT usename FROM pg_stat_activity WHERE usename LIKE '%{slug}%'",
    "role": "SELECT rolname FROM pg_roles WHERE rolname LIKE '%{slug}%'",
}


def others(platform: RunningPlatform) -> dict[str, Any]:
    """What of the platform and the other tenants would show that something was touched."""
    objects = {
        f"{each['kind']} {each['metadata']['namespace']}/{each['metadata']['name']}": (
            each["metadata"]["uid"],
            each["metadata"].get("generation"),
        )
        for namespace in SHARED
        for each in platform.get(GENERATIONS, namespace)
    }
    running = {name: value for name, value in platform.restarts().items() if name.split("/")[0] in SHARED}
    return objects | running


def in_database(platform: RunningPlatform) -> dict[str, list[str]]:
    """What the database knows of the third tenant."""
    return {
        what: sorted(row[0] for row in rows)
        for what, statement in LEFT_IN_DATABASE.items()
        if (rows := platform.sql(statement.format(slug=SLUG)))
    }


def ariel(platform: RunningPlatform, *arguments: str) -> str:
    """What the command prints; fails the test where it fails."""
    done = platform.ariel(*arguments, "--stack", STACK)
    assert done.returncode == 0, f"ariel {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def stack_file(platform: RunningPlatform) -> Iterator[None]:
    """Brings the stack back to its file, and the git server to its repositories, whatever the test did."""
    file = platform.workbench.root / f"Pulumi.{STACK}.yaml"
    before = file.read_bytes()
    yield
    if file.read_bytes() != before and f"{SLUG}:".encode() in file.read_bytes():
        file.write_bytes(before)
        platform.ariel("up", "--stack", STACK)
    shutil.rmtree(platform.session.sandbox.paths.root / "git" / SLUG, ignore_errors=True)


@pytest.mark.usefixtures("stack_file")
def test_a_tenant_comes_and_goes_without_anybody_else_noticing(platform: RunningPlatform) -> None:
    before = others(platform)
    assert in_database(platform) == {}

    ariel(
        platform,
        *("tenant", "add", SLUG, "--owner", "harbour-lead@contoso.com"),
        *("--group-id", "44444444-4444-4444-8444-444444444403"),
        *("--repository", f"https://git.contoso.com/{SLUG}/dags.git"),
    )
    ariel(platform, "up")  # With its diagnostics, which must succeed.
    run = platform.airflow.last_runs([SLUG])[SLUG]
    assert run is not None
    assert (run.dag_id, run.state) == (f"{SLUG}.diagnostics", "success")
    known = in_database(platform)
    assert {processor_role(SLUG), triggerer_role(SLUG)} <= set(known["role"])
    assert {"team", "pool", "active bundle", "entry", "session"} <= known.keys()
    assert others(platform) == before

    ariel(platform, "tenant", "remove", SLUG)
    ariel(platform, "up")
    platform.until(lambda: not in_database(platform), "nothing of the tenant is left in the database")
    assert [each["metadata"]["name"] for each in platform.get("namespaces") if SLUG in each["metadata"]["name"]] == []
    assert others(platform) == before
