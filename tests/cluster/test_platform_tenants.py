"""A third tenant comes, works as newcomers do, and goes: what it gets, and that nobody else notices."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from stacks.naming import processor_role, triggerer_role
from tests.cluster.running_platform import STACK, RunningPlatform
from tests.cluster.webhook_calls import WebhookCaller
from tests.git_variables import git_as
from tests.http_receiver import receiver

SLUG: Final = "harbour"
REPOSITORY: Final = f"https://git.contoso.com/{SLUG}/dags.git"
EXAMPLE: Final = f"{SLUG}.example"
UNIT: Final = "{{ var.value.temperature_unit }}"
GUIDE: Final = Path(__file__).parents[2] / "docs" / "authors" / "first-dag.md"
"""Tells the way that the newcomer goes, with the message that a failure brings."""
ALERTS: Final = """\
      alerts:
        channel: slack
        target: "#harbour"
"""
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


def of_any_run(text: str) -> str:
    """The same without the run's id, which is another each time."""
    return re.sub(r"manual__[^/\n]+", "RUN", text)


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


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """The platform as it was before the tenant came."""

    others: dict[str, Any]
    known: dict[str, list[str]]


@pytest.fixture(scope="module")
def arrival(platform: RunningPlatform) -> Iterator[Arrival]:
    """Adds the tenant; at the end brings stack and git server back to what they were, whatever the tests did."""
    file = platform.workbench.root / f"Pulumi.{STACK}.yaml"
    text = file.read_bytes()
    before = Arrival(others=others(platform), known=in_database(platform))
    ariel(
        platform,
        *("tenant", "add", SLUG, "--owner", "harbour-lead@contoso.com"),
        *("--group-id", "44444444-4444-4444-8444-444444444403"),
        *("--repository", REPOSITORY),
    )
    file.write_text(file.read_text().replace(f"    {SLUG}:\n", f"    {SLUG}:\n{ALERTS}"))
    ariel(platform, "up")  # With its diagnostics, which must succeed.
    yield before
    if f"    {SLUG}:".encode() in file.read_bytes():
        file.write_bytes(text)
        platform.ariel("up", "--stack", STACK)
    shutil.rmtree(platform.session.sandbox.paths.root / "git" / SLUG, ignore_errors=True)


class Newcomer:
    """A person with a repository of the team on a laptop."""

    def __init__(self, platform: RunningPlatform, root: Path) -> None:
        self.platform = platform
        self.root = root
        """With a space in its name; outside the project of the platform."""

    def ariel(self, *arguments: str, folder: Path | None = None) -> str:
        """What the command prints that is given in the repository."""
        done = self.platform.workbench.ariel(*arguments, cwd=folder or self.root)
        assert done.returncode == 0, f"ariel {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def git(self, *arguments: str) -> str:
        environment = {**os.environ, **git_as("newcomer@example.org")}
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    @property
    def host(self) -> str:
        """The sandbox's git host, as git on this machine sees it."""
        return str(self.platform.session.sandbox.paths.git / urlsplit(REPOSITORY).path.lstrip("/"))

    def begin(self) -> None:
        """Commit what `ariel new` has made, on top of what the sandbox serves for a team without a repository."""
        self.git("fetch", "--quiet", self.host, "main")
        self.git("reset", "--quiet", "--soft", "FETCH_HEAD")
        self.merge("Begin")

    def merge(self, message: str, **files: str) -> None:
        """Write files (by name, `example` for `dags/example.py`), commit, push."""
        for name, text in files.items():
            (self.root / "dags" / f"{name}.py").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.git("push", "--quiet", self.host, "HEAD:refs/heads/main")

    def announce(self) -> dict[str, Any]:
        """As the template's workflow does: with the key and the URL that the team's vault holds."""
        webhook = WebhookCaller(self.platform, SLUG)
        return webhook.by_key(*webhook.secrets("url", "key"))

    def run(self) -> str:
        """State in which a run ends that begins once all is parsed at the repository's newest revision."""
        commit = self.git("rev-parse", "HEAD")
        path = f"/ariel/webhook/{SLUG}"
        self.platform.until(lambda: set(self.platform.airflow.call("GET", path)["parsed"]) == {commit}, "all is parsed")
        # One that is replaced while it sends may tell twice.
        running = f"Running triggers of revision {commit}"
        self.platform.until(lambda: running in self.platform.logs(f"parse-{SLUG}", "deploy/triggerer"), "it has it too")
        return self.platform.ended(EXAMPLE, self.platform.start_run(EXAMPLE))


@pytest.fixture
def newcomer(platform: RunningPlatform, tmp_path: Path) -> Newcomer:
    """With the tools of the platform's checkout on PATH."""
    return Newcomer(platform, tmp_path / "the harbour")


def test_a_tenant_comes_without_anybody_else_noticing(platform: RunningPlatform, arrival: Arrival) -> None:
    assert arrival.known == {}
    run = platform.airflow.last_runs([SLUG])[SLUG]
    assert run is not None
    assert (run.dag_id, run.state) == (f"{SLUG}.diagnostics", "success")
    known = in_database(platform)
    assert {processor_role(SLUG), triggerer_role(SLUG)} <= set(known["role"])
    assert {"team", "pool", "active bundle", "entry", "session"} <= known.keys()
    assert others(platform) == arrival.others


@pytest.mark.usefixtures("arrival")
def test_a_newcomer_writes_checks_runs_merges_is_told_of_a_failure_and_mends_it(
    platform: RunningPlatform, newcomer: Newcomer
) -> None:
    project = platform.workbench.root
    newcomer.ariel("new", "tenant-repo", str(newcomer.root), "--tenant", SLUG, folder=project)
    newcomer.ariel("dags", "run", EXAMPLE)
    of_team = ("--tenant", SLUG, "--env", STACK)
    newcomer.ariel("dags", "check", *of_team, "--repository", str(newcomer.root), folder=project)

    newcomer.begin()
    newcomer.ariel("webhook", "issue", *of_team, folder=project)
    assert newcomer.announce()["revision"] == newcomer.git("rev-parse", "HEAD")
    assert newcomer.run() == "success"

    gateway = platform.session.sandbox.network
    assert gateway is not None
    with receiver(gateway.gateway) as slack:
        connection = {"conn_type": "slackwebhook", "host": f"{slack.url}/services", "password": "T0/B0/x"}
        platform.set_secret(SLUG, "connection", "alerts", json.dumps(connection))
        good = (newcomer.root / "dags" / "example.py").read_text()
        newcomer.merge("Measure in kelvin", example=good.replace("unit=", "retries=0, unit=").replace(UNIT, "kelvin"))
        newcomer.announce()
        assert newcomer.run() == "failed"
        said = platform.until(lambda: slack.requests, "the team is told")
        assert len(said) == 1
        assert of_any_run(said[0].body["text"]) in of_any_run(GUIDE.read_text())

        newcomer.merge("Take it back", example=good)
        newcomer.announce()
        assert newcomer.run() == "success"
        assert len(slack.requests) == 1


@pytest.mark.usefixtures("arrival")
def test_a_tenant_goes_with_all_its_rights(platform: RunningPlatform, arrival: Arrival) -> None:
    ariel(platform, "tenant", "remove", SLUG)
    ariel(platform, "up")
    platform.until(lambda: not in_database(platform), "nothing of the tenant is left in the database")
    assert [each["metadata"]["name"] for each in platform.get("namespaces") if SLUG in each["metadata"]["name"]] == []
    assert others(platform) == arrival.others


@pytest.mark.usefixtures("arrival")
def test_the_history_of_its_runs_stays_until_somebody_deletes_it(platform: RunningPlatform) -> None:
    """`docs/security.md` says so: a tenant of the same slug would find it."""
    assert platform.airflow.last_runs([SLUG])[SLUG] is not None
    for dag_id in (EXAMPLE, f"{SLUG}.diagnostics"):
        left = platform.dag(dag_id)
        assert (left["is_stale"], left["is_paused"]) == (True, True)
        assert platform.airflow.answer("DELETE", f"/api/v2/dags/{dag_id}").is_success
        assert platform.dag(dag_id) == {}
    assert platform.airflow.last_runs([SLUG]) == {SLUG: None}
