"""A team's repository, checked before it is merged: alone, or against an environment and an older revision.

The runtime judges what only Airflow's code can tell, in a process of its own which is given no credential; here is who
is asked what, and what is compared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from cli import child_lock, console, image_python, in_flight, source_checks
from cli.base_revision import commit_of, export, merge_base
from cli.inventory import delivered, inventory, packages, runs_in_flight
from cli.laptop import BUNDLE, LAPTOP
from cli.platform import Platform
from cli.repository import repository_at
from cli.session import Session, tenant_of
from components.airflow_settings import ENVIRONMENT
from components.dag_processor import SECRETS_BACKEND
from sandbox.rootfs.definition import load, locked
from stacks.errors import ArielError, MachineError, Problem, UsageError
from stacks.tenant import Application, Processor

BAD: Final = ("missing", "broken")
"""States of a finding that fail a check."""
IMPORTS: Final = "imports"
SECRETS: Final = "secrets"
_OF_RUNTIME: Final = (IMPORTS, "policies", "ids", "budget", "top-level", SECRETS)
CHECKS: Final = (*_OF_RUNTIME, source_checks.RUFF, source_checks.MYPY, child_lock.CHECK, in_flight.CHECK)
_MODULE: Final = "ariel_runtime.checks"
_TRACEBACK: Final = "50"
"""Lines of it that Airflow keeps: the innermost of the repository is among them."""
_SECONDS: Final = 1800


class CheckError(ArielError):
    """The check itself failed: what it started ended without an answer."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is checked, and how its environment delivers it."""

    root: Path
    tenant: str
    bundle: Path
    """The folder that is delivered; relative to the root."""
    branch: str | None = None
    """Whose newest revision runs; None where no environment says it."""
    budget: float = Processor().import_timeout
    applications: Mapping[str, Application] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the caller wants to know."""

    checks: Sequence[str] = CHECKS
    base: str | None = None
    deployed: bool = False
    python: str | None = None
    """The interpreter; None for the image's, where this machine can have it."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """`runs` is None where no environment was asked, `base` where there is no revision to compare with."""

    findings: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    runs: list[dict[str, Any]] | None
    base: str | None
    parsed_by: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def bad(self) -> bool:
        return any(each["state"] in BAD for each in self.findings)


def subject_alone(folder: Path, tenant: str | None) -> Subject:
    """By what the repository says of itself. Raises UsageError."""
    if tenant is not None and (folder / "dags").is_dir() and not (folder / "pyproject.toml").is_file():
        return Subject(root=folder.resolve(), tenant=tenant, bundle=Path("dags"))
    found = repository_at(folder)
    return Subject(root=found.root, tenant=tenant or found.tenant, bundle=Path("."))


def subject_in(session: Session, folder: Path, tenant: str | None) -> Subject:
    """By what the stack file says of the tenant. Raises UsageError."""
    slug = tenant or repository_at(folder).tenant
    known = tenant_of(session, slug)
    if not (folder / known.repository.path).is_dir():
        rule = f"a checkout that holds the folder {known.repository.path!r} of the DAGs"
        raise UsageError([Problem(path="--repository", value=str(folder), rule=rule, action="name another folder")])
    return Subject(
        root=folder.resolve(),
        tenant=slug,
        bundle=Path(known.repository.path),
        branch=known.repository.branch,
        budget=known.processor.import_timeout,
        applications=known.applications,
    )


def chosen(only: Sequence[str], skip: Sequence[str]) -> list[str]:
    """Names of checks, in their order. Raises UsageError for one that does not exist."""
    for option, names in (("--only", only), ("--skip", skip)):
        if unknown := [each for each in names if each not in CHECKS]:
            rule, action = f"one of {', '.join(CHECKS)}", "correct it or leave it out"
            raise UsageError([Problem(path=option, value=", ".join(unknown), rule=rule, action=action)])
    return [each for each in CHECKS if (not only or each in only) and each not in skip]


def check(subject: Subject, asked: Asked, platform: Platform | None, env: str = LAPTOP) -> Report:
    """Without a platform nothing is said of secrets and of runs. Raises UsageError, PlatformError, CheckError."""
    compared = in_flight.CHECK in asked.checks
    base = _base(subject, asked, platform) if compared or child_lock.CHECK in asked.checks else None
    wanted = [each for each in _OF_RUNTIME if each in asked.checks and (platform is not None or each != SECRETS)]
    there = None
    if platform is not None and SECRETS in wanted:
        certificates = {name: each.certificate for name, each in subject.applications.items()}
        there = {**inventory(platform, subject.tenant, env), "applications": certificates}
    python, why = _interpreter(asked)
    with tempfile.TemporaryDirectory() as home:
        environment = runtime_environment(subject, env, home)
        question = {"checks": wanted, "budget": subject.budget, "inventory": there, "base": None}
        place = None
        if base:
            place = Path(home) / "base"
            export(subject.root, base, place)
        if compared and place:
            older = {**question, "checks": [], "inventory": None}
            question["base"] = _answer(place, subject.bundle, older, python, environment)["shape"]
        answer = _answer(subject.root, subject.bundle, question, python, environment)
        findings = [*answer["findings"], *_of_source(subject, asked, environment)]
        if child_lock.CHECK in asked.checks:
            findings += child_lock.findings(subject.root, subject.tenant, place)
    runs = None
    if compared and platform is not None:
        runs = in_flight.judged(runs_in_flight(platform, subject.tenant), answer["changes"])
    if IMPORTS in wanted:
        findings += _other_versions(answer["parsed_by"], platform, why)
    elif why:
        console.ProgressReport().say(f"parsed by ariel's own Python, not the image's: {why}")
    if compared and base is None:
        findings.append(_without_base(subject))
    findings += in_flight.findings(answer["changes"], runs)
    return Report(findings=findings, changes=answer["changes"], runs=runs, base=base, parsed_by=answer["parsed_by"])


def _interpreter(asked: Asked) -> tuple[str, str]:
    """Who parses, and why it is not the image's Python where nobody asked for another."""
    if asked.python is not None:
        return asked.python, ""
    try:
        return str(image_python.ensure(console.ProgressReport())), ""
    except MachineError as error:
        (problem,) = error.problems
        return sys.executable, f"{problem.path}: {problem.value}; {problem.action}"


def _base(subject: Subject, asked: Asked, platform: Platform | None) -> str | None:
    if asked.deployed:
        commit = delivered(platform, subject.tenant) if platform is not None else None
        return commit_of(subject.root, commit) if commit else None
    return commit_of(subject.root, asked.base) if asked.base else merge_base(subject.root, subject.branch)


def runtime_environment(subject: Subject, env: str, home: str) -> dict[str, str]:
    """Of what is started for a check: Airflow's settings where DAGs are parsed, and no credential."""
    bundle = {"name": subject.tenant, "classpath": BUNDLE, "kwargs": {}}
    return {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": str(subject.budget),
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH": _TRACEBACK,
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__WORKERS__SECRETS_BACKEND": SECRETS_BACKEND,
        ENVIRONMENT: env,
    }


def _answer(
    root: Path, bundle: Path, question: Mapping[str, Any], python: str, environment: Mapping[str, str]
) -> dict[str, Any]:
    """What the runtime says of a folder."""
    try:
        done = subprocess.run(
            [python, "-m", _MODULE, str(root), str(root / bundle)],
            input=json.dumps(question),
            env=environment,
            cwd=environment["HOME"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _failed(root, f"no end within {_SECONDS} s") from None
    if done.returncode != 0:
        raise _failed(root, done.stderr.strip()[-500:] or f"status {done.returncode}")
    return dict(json.loads(done.stdout))


def _of_source(subject: Subject, asked: Asked, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    if source_checks.RUFF in asked.checks:
        yield from source_checks.of_ruff(subject.root, environment)
    if source_checks.MYPY in asked.checks:
        yield from source_checks.of_mypy(subject.root, environment, asked.python)


def _other_versions(parsed_by: Mapping[str, Any], platform: Platform | None, why: str) -> Iterator[dict[str, Any]]:
    """Than those that parse the same files in production: of Python, Airflow, the providers, ariel's runtime."""
    python, here = parsed_by["python"], parsed_by["packages"]
    if why or not python.startswith(f"{image_python.VERSION}."):
        reason = (
            f"the image has Python {image_python.VERSION}, and its own packages: what only one of the two takes is not "
            f"found here; {why or 'see `--python`'}"
        )
        yield _of_repository(IMPORTS, "python", python, "warning", reason)
    whose, there = ("image", locked(load("airflow"))) if platform is None else ("environment", packages(platform))
    for name, version in there.items():
        if here.get(name, version) != version:
            reason = f"the {whose} has {version}, this check used {here[name]}: see `--python`"
            yield _of_repository(IMPORTS, "package", name, "warning", reason)


def _without_base(subject: Subject) -> dict[str, Any]:
    branch = f"origin/{subject.branch or 'HEAD'}"
    reason = f"compared with nothing: fetch {branch}, or name a revision by `--base`"
    return _of_repository(in_flight.CHECK, "revision", branch, "cannot tell", reason)


def _of_repository(check_name: str, kind: str, name: str, state: str, reason: str) -> dict[str, Any]:
    return {"check": check_name, "file": ".", "line": 1, "kind": kind, "id": name, "state": state, "reason": reason}


def workflow_commands(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Workflow commands of GitHub Actions, which show a finding at its line of the pull request."""
    for each in findings:
        if each["state"] == "there":
            continue
        level = "error" if each["state"] in BAD else "warning"
        text = f"{each['kind']} {each['id']}: {each['state']}; {each['reason']}"
        escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        yield f"::{level} file={each['file']},line={each['line']}::{escaped}"


def _failed(root: Path, value: str) -> CheckError:
    rule, action = "Airflow and ariel's runtime can be started", "mend what stands last, or choose another `--python`"
    return CheckError([Problem(path=str(root), value=value, rule=rule, action=action)])
