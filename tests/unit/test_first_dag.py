"""docs/authors/first-dag.md: what it shows is what is printed, and what it names in the new repository works.

What needs a running platform is walked elsewhere, and said here.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.git_variables import git_as
from tests.unit.test_readme import ROOT, commands

PAGE: Final = ROOT / "docs" / "authors" / "first-dag.md"
CHECK: Final = "ariel dags check --offline --base HEAD"
"""Is shown in part, with what it says of an id that somebody misspelt."""
ELSEWHERE: Final = {
    "tenant add": "tests/cluster/test_platform_tenants.py",
    "dags check --env dev": "tests/cluster/test_platform_tenants.py",
    "webhook issue --tenant harbour --env dev": "tests/cluster/test_platform_tenants.py",
    "webhook status": "tests/cluster/test_platform_delivery.py",
    "dev": "tests/unit/cli/test_cli_dev.py",
}
"""What the page tells to type beside what it shows -> where it is walked."""
AIRFLOWS_LOG: Final = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[")
OF_THIS_PYTHON: Final = ("--python", sys.executable)
"""Where the page's check takes the image's, which not every machine has."""
UNTIDY: Final = "SIZES = {  'small':1 }\n"


@dataclass(frozen=True, kw_only=True)
class Step:
    command: str
    printed: list[str]


@dataclass(frozen=True, kw_only=True)
class Ended:
    status: int
    printed: list[str]
    """Of both streams, one after the other; without Airflow's log."""

    def has(self, lines: list[str]) -> bool:
        """All of them, without another between."""
        return any(self.printed[place : place + len(lines)] == lines for place in range(len(self.printed)))


def steps() -> list[Step]:
    """What the fenced blocks show behind a `$`, with what stands below it."""
    blocks = re.findall(r"^```\n(\$ .*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    shown = [each.splitlines() for block in blocks for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [Step(command=command, printed=[line.rstrip() for line in printed]) for command, *printed in shown]


def typed(folder: Path, *command: str) -> Ended:
    """As an author types it: the platform's tools come first on PATH, and nothing is fetched."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"},
        **git_as("author@example.org"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(folder / ".ariel" / "pre-commit"),
        "UV_OFFLINE": "1",
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    lines = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
    return Ended(status=done.returncode, printed=[line for line in lines if not AIRFLOWS_LOG.match(line)])


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Ended]]:
    """The repository that the page's first command writes; command -> how it ended, all of the page in its order."""
    folder, ended = tmp_path_factory.mktemp("first-dag"), {}
    for step in steps():
        command = shlex.split(step.command)
        if command[0] == "cd":
            folder = folder / command[1]
        elif step.command == CHECK:
            example = folder / "dags" / "example.py"
            good = example.read_text()
            example.write_text(good.replace('"harbour.example"', '"harbours.example"'))
            ended[step.command] = typed(folder, *command, *OF_THIS_PYTHON)
            example.write_text(good)
        else:
            ended[step.command] = typed(folder, *command)
    return folder, ended


@pytest.fixture
def repository(walked: tuple[Path, dict[str, Ended]]) -> Path:
    return walked[0]


@pytest.mark.parametrize(
    "step", [each for each in steps() if not each.command.startswith("cd ")], ids=lambda each: each.command
)
def test_what_the_page_shows_is_what_is_printed(step: Step, walked: tuple[Path, dict[str, Ended]]) -> None:
    ended = walked[1][step.command]
    if step.command == CHECK:
        assert ended.status == 1
        assert step.printed
        assert ended.has(step.printed), "\n".join(ended.printed)
    else:
        assert ended.printed == step.printed
        assert ended.status == 0


def test_the_whole_way_is_shown() -> None:
    """What is no longer read of the page would no longer be walked."""
    verbs = [" ".join(each.command.split()[:3]) for each in steps() if each.command.startswith("ariel ")]
    local = ["ariel new tenant-repo", *(f"ariel dags {verb}" for verb in ("list", "show", "dry-run", "run", "check"))]
    assert verbs == local


def test_whatever_else_the_page_tells_to_type_is_walked_elsewhere() -> None:
    """A command that nobody walks is one that nobody knows to work."""
    assert {each.strip() for each in commands(PAGE, "ariel")} == ELSEWHERE.keys()
    for command, test in ELSEWHERE.items():
        text = (ROOT / test).read_text(encoding="utf-8")
        assert [word for word in command.partition(" --")[0].split() if f'"{word}"' not in text] == [], command


def test_a_new_repository_passes_what_a_pull_request_must_pass(repository: Path) -> None:
    ended = typed(repository, "make", "presubmit")
    assert ended.status == 0, ended.printed
    ran = [line for line in ended.printed if line.startswith(("ruff ", "mypy", "pytest", "ariel "))]
    assert [line.split()[0] for line in ran] == ["ruff", "ruff", "mypy", "pytest", "ariel"]


def test_its_whole_runs_succeed(repository: Path) -> None:
    ended = typed(repository, "make", "integration")
    assert ended.status == 0, ended.printed


def test_its_hooks_correct_what_can_be_corrected_and_let_the_rest_pass(repository: Path) -> None:
    """Nothing of them is downloaded."""
    untidy = repository / "shared" / "untidy.py"
    untidy.write_text(UNTIDY)
    typed(repository, "git", "add", "--all")
    ended = typed(repository, "pre-commit", "run", "--all-files")
    results = [line.rpartition(".")[2] for line in ended.printed if line.endswith(("Passed", "Failed", "Skipped"))]
    assert results == ["Failed", "Passed", "Passed"], ended.printed
    assert untidy.read_text() == 'SIZES = {"small": 1}\n'
