"""A repository's DAGs in one process: what runs, what it ends with, and what is drawn."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from cli import laptop as cli_laptop
from cli import operators
from cli.app import app
from cli.dags_local import mermaid_of, tree_of
from cli.laptop import LaptopError
from cli.repository import repository_at
from stacks.errors import UsageError
from tests.unit.cli import laptop

TASKS: list[dict[str, Any]] = [
    {"id": "a", "operator": "Bash", "group": None, "downstream": ["b", "group.c"]},
    {"id": "b", "operator": "Bash", "group": None, "downstream": ["d"]},
    {"id": "group.c", "operator": "Bash", "group": "group", "downstream": ["d"]},
    {"id": "d", "operator": "Bash", "group": None, "downstream": ["e"]},
    {"id": "e", "operator": "Bash", "group": None, "downstream": []},
]


OTHERS = """
import os, runpy, sys
out = os.dup(1)
for module, *arguments in (
    ("graph",),
    ("render", "weather.first", '{"who": "me"}'),
    ("operator", "operators.greet:GreetOperator"),
):
    sys.argv[1:] = arguments
    runpy.run_module(f"ariel_runtime.laptop.{module}", run_name="__main__")
    os.dup2(out, 1)
    print("\\nEND", flush=True)
"""
"""What the verbs beside `run` start, one after another in one process: each alone would import Airflow anew."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def everything(self) -> str:
        return self.out + self.err


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = laptop.make(tmp_path_factory.mktemp("laptop") / "with a space")
    (root / "dags" / "broken.py").write_text("from airflow.sdk import dag\nimport absent_module\n")
    return root


@pytest.fixture(scope="module")
def failed(repository: Path) -> Ended:
    """A run whose last task fails on purpose, after it has used all that it was given."""
    return _wait(laptop.ariel(repository, "dags", "run", "first", "--conf", '{"who": "me", "fail": true}'))


@pytest.fixture(scope="module")
def others(repository: Path, failed: Ended) -> Ended:
    """After `failed`, whose database it shares."""
    where = repository_at(repository)
    environment = cli_laptop.environment(where, cli_laptop.one_process_database(where))
    given = '{"name": "{{ var.value.city }}"}'
    done = subprocess.run(
        [sys.executable, "-c", OTHERS],
        env=environment,
        cwd=repository,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(status=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture
def verb(repository: Path, others: Ended, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A verb that is shown what its module printed."""
    documents = dict(zip(("graph", "render"), map(json.loads, others.out.split("\nEND\n")[:2]), strict=True))
    monkeypatch.setattr(cli_laptop, "asked", lambda where, name, *arguments: documents[name])
    monkeypatch.chdir(repository)
    return lambda *arguments: CliRunner().invoke(app, ["dags", *arguments])


def _wait(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate()
    return Ended(status=process.returncode, out=out, err=err)


def test_a_run_has_the_repositorys_operators_and_the_laptops_secrets(failed: Ended) -> None:
    """The failing task says so once it has its connection, its variable and its secret."""
    assert "greeted: hello me in Bern" in failed.everything
    assert "RuntimeError: as asked" in failed.everything


def test_no_log_of_a_run_shows_a_secret(failed: Ended) -> None:
    assert "the token is" in failed.everything
    assert laptop.TOKEN not in failed.everything


def test_a_run_that_fails_fails_the_command_and_names_the_task(failed: Ended) -> None:
    assert failed.status == 1
    assert "weather.first: failed: load" in failed.err


def test_one_operator_runs_by_itself_with_its_templates_and_succeeds(others: Ended) -> None:
    assert others.status == 0, others.everything
    assert "weather.one_operator: success" in others.err
    assert "hello Bern" in others.everything


def test_a_dry_run_renders_all_and_runs_nothing(verb: Callable[..., Result], others: Ended) -> None:
    greet, load = json.loads(verb("dry-run", "first", "--json").stdout)["tasks"]
    assert greet["fields"] == [{"name": "name", "value": "me in Bern", "fault": None}]
    fields = {each["name"]: each["value"] for each in load["fields"]}
    assert fields["op_args"] == "('<result of greet>',)"
    assert laptop.TOKEN not in others.everything


def test_the_list_has_every_dag_and_says_what_is_broken(verb: Callable[..., Result]) -> None:
    listed = verb("list", "--json")
    assert listed.exit_code == 1
    found = json.loads(listed.stdout)
    assert [(each["dag_id"], each["file"]) for each in found["dags"]] == [("weather.first", "dags/first.py")]
    assert [each["file"] for each in found["broken"]] == ["dags/broken.py"]
    assert "absent_module" in found["broken"][0]["text"]


def test_a_graph_is_drawn_from_the_files(verb: Callable[..., Result]) -> None:
    assert "t0 --> t1" in verb("show", "first", "--mermaid").stdout
    assert isinstance(verb("show", "second").exception, UsageError)


def test_what_an_authors_code_prints_does_not_spoil_the_document_of_a_verb(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it hide why there is none."""
    script = "import sys; from ariel_runtime.document import document\n"
    script += "with document() as found: print('noise'); found['a'] = len(sys.argv[1:])"
    monkeypatch.setattr(cli_laptop, "module", lambda name, *arguments: [sys.executable, "-c", script, *arguments])
    assert cli_laptop.asked(repository_at(repository), "graph", "x", "y") == {"a": 2}
    monkeypatch.setattr(cli_laptop, "module", lambda name: [sys.executable, "-c", "exit('the reason')"])
    with pytest.raises(LaptopError, match="the reason"):
        cli_laptop.asked(repository_at(repository), "graph")


@pytest.mark.parametrize(
    ("arguments", "started"),
    [
        (["dags", "dry-run", "first", "--conf", "{}"], ["render", "weather.first", "{}"]),
        (["dags", "list"], ["graph"]),
        (["operators", "run", "a:B", "c=1"], ["operator", "a:B"]),
    ],
)
def test_a_verb_starts_its_module(
    repository: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], started: list[str]
) -> None:
    made: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        made.append(command)
        return subprocess.CompletedProcess(command, 9, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.chdir(repository)
    CliRunner().invoke(app, arguments)
    assert made == [cli_laptop.module(*started)]


def test_nothing_of_it_is_seen_by_git(repository: Path, failed: Ended) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    seen = subprocess.run(
        ["git", "status", "--short"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout
    assert ".ariel" not in seen


def test_a_tree_spells_out_once_what_follows_two_tasks() -> None:
    console = Console(width=60)
    with console.capture() as drawn:
        console.print(tree_of("weather.first", TASKS))
    lines = drawn.get().splitlines()
    assert lines[0] == "weather.first"
    assert [line.count("see above") for line in lines if "d  Bash" in line] == [0, 1]
    assert sum("e  Bash" in line for line in lines) == 1


def test_mermaid_draws_ids_with_dots() -> None:
    assert mermaid_of(TASKS).splitlines()[:2] == ["graph LR", '  t0["a<br/>Bash"]']
    assert "  t2 --> t3" in mermaid_of(TASKS).splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        ["dags", "run", "first", "--conf", "[1]"],
        ["dags", "dry-run", "first", "--conf", "{"],
        ["operators", "run", "a:B", "no equals"],
        ["dags", "reload"],
    ],
)
def test_wrong_usage_is_said_before_airflow_starts(
    repository: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(repository)
    assert isinstance(CliRunner().invoke(app, arguments).exception, UsageError)


def test_an_argument_of_an_operator_is_json_where_it_can_be() -> None:
    assert operators._argument("a=[1, 2]") == ("a", [1, 2])
    assert operators._argument("command=echo a=b") == ("command", "echo a=b")
