"""`ariel smoke`: whether an environment works, told by a run of each tenant's diagnostics and by what it leaves.

What a task needs the DAG itself looks at (`ariel_runtime.diagnostics`). Here: that it ran just now, that its log, its
text and its picture can be read afterwards, and that everything has the version that is pinned.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, Final

import typer

from cli import console, versions
from cli.options import AsJson, Environment
from cli.platform import Platform, PlatformError, Run
from cli.session import DIAGNOSTICS, Session, open_session
from cli.versions import Version
from sandbox.plugins.failures import PluginError
from stacks.errors import ArielError

OK: Final = "ok"
FAILED: Final = "failed"
ABSENT: Final = "absent"
PLATFORM: Final = "platform"
"""Stands in the place of a tenant for what all of them share."""

PARTS: Final = ("execution", "identity", "secret", "database", "isolated", "notification", "forecast", "xcom")
"""What a report tells of: a part that it leaves out would otherwise be missed by nobody."""

_EXECUTED: Final = timedelta(minutes=5)
_DRAWN: Final = timedelta(minutes=10)
_LOG_SECONDS: Final = 60
"""A log is sent to its storage after its task has ended."""
_STORAGE: Final = ("https://", "wasb://")
"""How the source of a log begins that was read from blob storage."""
_PINNED: Final = "`ariel up`, from the checkout that pins it"
_LOOK_AGAIN: Final = "`ariel status`, then `ariel smoke` again"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One part of one tenant: `state` is ok, failed or absent; `action` is what to do where it is not ok."""

    tenant: str
    part: str
    state: str
    text: str
    action: str = ""


def smoke_command(env: Environment = "local", as_json: AsJson = False) -> None:
    """Run the diagnostics of every tenant there, and tell part by part what works.

    Exits with 1 where a part failed. What is absent is not there by somebody's choice.
    """
    checks = list(smoke(open_session(env)))
    if as_json:
        print(json.dumps({"checks": [asdict(check) for check in checks]}, indent=2))
    else:
        rows = [(check.tenant, check.part, check.state, check.text, check.action) for check in checks]
        columns = ("tenant", "part", "state", "", "what to do")
        console.out.print(console.table(f"what works in {env}", columns, rows))
    if any(check.state == FAILED for check in checks):
        raise typer.Exit(1)


def smoke(session: Session) -> Iterator[Check]:
    """Raises UsageError where no platform can be asked, PlatformError where it does not answer."""
    platform, slugs = session.running_platform(), session.settings.tenants
    with console.err.status("wait for Airflow"):
        platform.until_ready()
    api = platform.call("GET", "/api/v2/version", signed=False)
    yield from _of_versions(PLATFORM, [Version(part="api", found=api["version"], pinned=versions.AIRFLOW)])
    yield from _of_images(session, platform)
    for slug in slugs:
        with console.err.status(f"diagnostics of {slug}"):
            yield from of_tenant(platform, slug)
        yield from _of_webhook(platform, slug)


def of_tenant(platform: Platform, slug: str) -> Iterator[Check]:
    """A run of the tenant's diagnostics, and what is left of it."""
    dag_id = f"{slug}{DIAGNOSTICS}"
    try:
        run = platform.run(dag_id)
        task = f"/api/v2/dags/{dag_id}/dagRuns/{run.run_id}/taskInstances"
        report = platform.call("GET", f"{task}/report/xcomEntries/return_value", absent={}).get("value")
        read = _shaped(report)
    except PlatformError as error:
        yield _failure(slug, "run", error)
        return
    why = f"read the logs of {dag_id}, run {run.run_id}"
    if read is None:
        yield Check(tenant=slug, part="run", state=FAILED, text=f"{run.state}, without a report", action=why)
        return
    yield _judged(slug, "run", run.state == "success", f"{run.run_id}: {run.state}", why)
    yield from _of_findings(slug, read["findings"], why)
    now = datetime.now(UTC)
    executed = {each["part"]: each["facts"] for each in read["findings"]}.get("execution", {})
    yield _of_age(slug, "executed", executed.get("when", ""), now, _EXECUTED)
    yield _of_age(slug, "picture", read["when"], now, _DRAWN)
    yield _of_page(platform, slug, dag_id, read)
    yield _of_log(platform, slug, f"{task}/execution/logs/1", run)
    yield from _of_versions(slug, versions.of_airflow("tasks", executed))


def _shaped(report: Any) -> dict[str, Any] | None:
    """The report, if it has the shape of one: a team's own code wrote it."""
    try:
        findings = [
            {key: str(each[key]) for key in ("part", "state", "text")} | {"facts": dict(each["facts"])}
            for each in report["findings"]
        ]
        picture = base64.b64decode(report["picture"], validate=True)
        return {"findings": findings, "picture": picture, "when": str(report["when"]), "text": str(report["text"])}
    except (KeyError, TypeError, ValueError):
        return None


def _of_findings(slug: str, findings: Sequence[Mapping[str, Any]], why: str) -> Iterator[Check]:
    for each in findings:
        state = each["state"] if each["state"] in (OK, ABSENT) else FAILED
        action = f"{why}, tasks {each['part']} and report" if state == FAILED else ""
        yield Check(tenant=slug, part=each["part"], state=state, text=each["text"], action=action)
    told = {each["part"] for each in findings}
    for part in PARTS:
        if part not in told:
            yield Check(tenant=slug, part=part, state=FAILED, text="the report says nothing of it", action=_PINNED)


def _of_age(slug: str, part: str, when: str, now: datetime, most: timedelta) -> Check:
    try:
        fresh = abs(now - datetime.fromisoformat(when)) < most
    except (TypeError, ValueError):
        fresh = False
    minutes = int(most.total_seconds() / 60)
    text = f"{when or 'no time'}, which should be less than {minutes} minutes from now"
    action = "compare the clocks of this machine and of the nodes; see why a run takes so long"
    return _judged(slug, part, fresh, text, action)


def _of_page(platform: Platform, slug: str, dag_id: str, report: Mapping[str, Any]) -> Check:
    """The page shows the text of this very run, and serves its picture byte by byte."""
    try:
        page = platform.answer("GET", "/hello/")
        picture = platform.answer("GET", f"/hello/pictures/{dag_id}")
    except PlatformError as error:
        return _failure(slug, "page", error)
    wrong = []
    if page.is_error or escape(report["text"]) not in page.text:
        wrong.append(f"/hello/ ({page.status_code}) does not show the text of this run")
    if picture.content != report["picture"]:
        wrong.append(f"/hello/pictures/{dag_id} ({picture.status_code}) is not the picture of this run")
    text = "; ".join(wrong) or f"/hello/ shows text and picture of this run ({len(picture.content)} bytes)"
    action = "read the API server's log; its image may be another than that of the tasks"
    return _judged(slug, "page", not wrong, text, action)


def _of_log(platform: Platform, slug: str, path: str, run: Run) -> Check:
    """The log of a task of this run, from blob storage: the task's pod is gone by then."""
    deadline = time.monotonic() + _LOG_SECONDS
    while True:
        try:
            content = platform.call("GET", path, query={"full_content": "true"}).get("content", [])
        except PlatformError as error:
            return _failure(slug, "log", error)
        events = [str(each.get("event", "")) if isinstance(each, dict) else str(each) for each in content]
        source = next((event for event in events if event.startswith(_STORAGE)), "")
        if source and any(run.run_id in event for event in events if event != source):
            return _judged(slug, "log", True, source, "")
        if time.monotonic() >= deadline:
            text = f"the log of task execution was not read from blob storage: {'; '.join(events[:3]) or 'empty'}"
            action = "see the settings of remote logging and the role of the task's identity"
            return _judged(slug, "log", False, text, action)
        time.sleep(1)


def _of_webhook(platform: Platform, slug: str) -> Iterator[Check]:
    try:
        state = platform.call("GET", f"/ariel/webhook/{slug}")
    except PlatformError as error:
        yield _failure(slug, "webhook", error)
        return
    mirror = state.get("mirror") or {}
    served = Version(part="runtime of mirror", found=str(mirror.get("version")), pinned=versions.RUNTIME)
    yield from _of_versions(slug, [*versions.of_airflow("webhook", state.get("versions", {})), served])


def _of_images(session: Session, platform: Platform) -> Iterator[Check]:
    if platform is not session.platform:
        text = "the images of pods are compared where there is a kubeconfig of the cluster: in a sandbox"
        yield Check(tenant=PLATFORM, part="images", state=ABSENT, text=text)
        return
    try:
        found = list(versions.of_images(session.sandbox, session.settings.tenants))
    except PluginError as error:
        yield Check(tenant=PLATFORM, part="images", state=FAILED, text=str(error), action=_LOOK_AGAIN)
        return
    wrong = [each for each in found if not each.right]
    yield from _of_versions(PLATFORM, wrong)
    right = len(found) - len(wrong)
    yield _judged(PLATFORM, "images", right > 0, f"{right} of {len(found)} containers run what is pinned", _LOOK_AGAIN)


def _of_versions(tenant: str, found: Iterable[Version]) -> Iterator[Check]:
    for each in found:
        text = each.found if each.right else f"{each.found} instead of {each.pinned or 'anything that is pinned'}"
        yield _judged(tenant, each.part, each.right, text, _PINNED)


def _judged(tenant: str, part: str, ok: bool, text: str, action: str) -> Check:
    return Check(tenant=tenant, part=part, state=OK if ok else FAILED, text=text, action="" if ok else action)


def _failure(tenant: str, part: str, error: ArielError) -> Check:
    problem = error.problems[0]
    return _judged(tenant, part, False, f"{problem.path}: {problem.value}", problem.action)
