"""Whether what a team's DAGs name is in an environment: asks the platform what there is, and lets the runtime judge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cli.platform import Platform
from cli.session import Session
from components.airflow_settings import ENVIRONMENT
from stacks.errors import ArielError, Problem, UsageError

BAD: Final = ("missing", "broken")
"""States of a finding that fail a check."""
_CHECK: Final = "ariel_runtime.checks.secrets"
_CHECK_SECONDS: Final = 300
_PAGE: Final = 100


class CheckError(ArielError):
    """The check itself failed: a DAG file ends the process, or never ends."""


def find(session: Session, tenant: str, repository: Path) -> list[dict[str, Any]]:
    """`{file, line, kind, id, state, reason}` of each name in the checkout.

    Raises UsageError, PlatformError, CheckError.
    """
    known = session.settings.tenants.get(tenant)
    if known is None:
        rule = f"one of {', '.join(session.settings.tenants)}"
        raise UsageError([Problem(path="--tenant", value=tenant, rule=rule, action="see `ariel tenant list`")])
    dags = repository / known.repository.path
    if not dags.is_dir():
        rule = f"a checkout that holds the folder {known.repository.path!r} of the DAGs"
        raise UsageError([Problem(path="--repository", value=str(repository), rule=rule, action="name another folder")])
    inventory = _inventory(session.running_platform(), tenant, session.stack)
    inventory["applications"] = {name: each.certificate for name, each in known.applications.items()}
    return _judged(tenant, repository, dags, inventory)


def _inventory(platform: Platform, tenant: str, env: str) -> dict[str, Any]:
    """What the environment has for the team, by name."""
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
        for each in _all(platform, f"{kind}s")
        if each.get("team_name") in (None, tenant)
    ]
    return {"environment": env, "vault": vault, "database": database}


def _all(platform: Platform, what: str) -> Iterator[dict[str, Any]]:
    """Page by page: Airflow cuts every answer."""
    seen = 0
    while True:
        answer = platform.call("GET", f"/api/v2/{what}", query={"limit": _PAGE, "offset": seen})
        yield from answer[what]
        seen += len(answer[what])
        if not answer[what] or seen >= answer["total_entries"]:
            return


def _judged(tenant: str, repository: Path, dags: Path, inventory: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the check says, run in a process of its own, which is given no credential."""
    bundle = {"name": tenant, "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "LANG": "C.UTF-8",
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            ENVIRONMENT: inventory["environment"],
        }
        command = [sys.executable, "-m", _CHECK, str(repository.resolve()), str(dags.resolve())]
        given = json.dumps(inventory)
        try:
            done = subprocess.run(
                command,
                input=given,
                env=environment,
                cwd=home,
                capture_output=True,
                text=True,
                timeout=_CHECK_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _failed(repository, f"no end within {_CHECK_SECONDS} s") from None
    if done.returncode != 0:
        raise _failed(repository, done.stderr.strip()[-500:] or f"status {done.returncode}")
    try:
        return list(json.loads(done.stdout)["findings"])
    except (ValueError, KeyError):
        raise _failed(repository, done.stdout[-500:]) from None


def workflow_commands(findings: list[dict[str, Any]]) -> Iterator[str]:
    """Workflow commands of GitHub Actions, which show a finding at its line of the pull request."""
    for each in findings:
        if each["state"] == "there":
            continue
        level = "error" if each["state"] in BAD else "warning"
        text = f"{each['kind']} {each['id']}: {each['state']}; {each['reason']}"
        escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        yield f"::{level} file={each['file']},line={each['line']}::{escaped}"


def _failed(repository: Path, value: str) -> CheckError:
    rule, action = "every file can be parsed", "mend the file whose name stands last, then check again"
    return CheckError([Problem(path=str(repository), value=value, rule=rule, action=action)])
