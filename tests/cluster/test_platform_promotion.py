"""A commit that is promoted, rolled back, and leaves a DAG's remains: what a running platform then has.

One sandbox is one platform, and a platform follows one branch of a team. So the environment `next` is another stack
file, which says another branch, on the same platform: its checks, secrets and runs are real, and so is its branch. Only
what its mirror would serve is the head of that branch by word of this test; as the source of a promotion, `local` is
asked for real.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner, Result

from cli import console, promotion
from cli.app import app
from tests.cluster.running_platform import STACK, RunningPlatform
from tests.cluster.webhook_calls import WebhookCaller

TEAM: Final = "mobility"
NEXT: Final = "next"
URL: Final = f"        url: https://git.contoso.com/{TEAM}/dags.git\n"
DAG_ID: Final = f"{TEAM}.promoted"
FILE: Final = "dags/promoted.py"
RENAMED: Final = f"{TEAM}.renamed"
SOURCE: Final = '''
"""Says which revision of it a task runs; one that shall wait does until somebody ends it."""

import time
from pathlib import Path

import promoted_words
from airflow.sdk import DAG, get_current_context, task


@task(retries=0)
def says(of=""):
    if get_current_context()["dag_run"].conf.get("wait"):
        time.sleep(600)
    return ["{says}", promoted_words.SAYS, Path(__file__).with_name(promoted_words.FILE).read_text()]


with DAG("{dag_id}", schedule=None, is_paused_upon_creation=True):
    says()
'''
LACKING: Final = """\
    says.override(task_id="lacks")("{{ var.value.promotion_nobody_set }}")
"""


class Author:
    """Somebody with a checkout of the team's repository, and with the stack files of both environments."""

    def __init__(self, platform: RunningPlatform, folder: Path) -> None:
        self.platform = platform
        self.project = folder / "project"
        self.checkout = folder / "check out"
        repository = platform.session.settings.tenants[TEAM].repository
        self.main = repository.branch
        self.remote = platform.session.sandbox.paths.git / urlsplit(repository.url).path.lstrip("/")
        self.webhook = WebhookCaller(platform, TEAM)

    def begin(self) -> None:
        (self.project / ".ariel").mkdir(parents=True)
        root = self.platform.workbench.root
        shutil.copy(root / "Pulumi.yaml", self.project)
        text = (root / f"Pulumi.{STACK}.yaml").read_text()
        assert text.count(URL) == 1
        for env, branch in ((STACK, self.main), (NEXT, NEXT)):
            (self.project / f"Pulumi.{env}.yaml").write_text(text.replace(URL, f"{URL}        branch: {branch}\n"))
            (self.project / ".ariel" / env).symlink_to(root / ".ariel" / STACK)
        self.platform.push(TEAM, {})
        self.git("clone", "--quiet", str(self.remote), str(self.checkout), at=self.project)
        self.git("config", "user.name", "author")
        self.git("config", "user.email", "author@example.org")
        self.webhook.issue()
        self.url, self.secret = self.webhook.secrets("url", "github-secret")

    def put_back(self) -> None:
        self.git("update-ref", "-d", f"refs/heads/{NEXT}", at=self.remote)
        self.platform.push(TEAM, {})

    def ariel(self, *arguments: str, answers: str = "") -> Result:
        return CliRunner().invoke(app, ["dags", *arguments, "--tenant", TEAM], input=answers)

    def promote(self, source: str, target: str) -> Result:
        return self.ariel("promote", "--from", source, "--to", target, "--repository", str(self.checkout))

    def write(self, branch: str, says: str, *, dag_id: str = DAG_ID, file: str = FILE, tail: str = "") -> str:
        """Push that DAG, alone of this test, on top of the main branch; the commit's id."""
        self.git("fetch", "--quiet", "origin", self.main)
        self.git("reset", "--quiet", "--hard", "FETCH_HEAD")
        (self.checkout / FILE).unlink(missing_ok=True)
        (self.checkout / file).write_text(SOURCE.format(says=says, dag_id=dag_id) + tail)
        (self.checkout / "dags" / "promoted_words.py").write_text(f'FILE, SAYS = "promoted.txt", "{says}"\n')
        (self.checkout / "dags" / "promoted.txt").write_text(says)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Say {says}")
        self.git("push", "--quiet", "--force", str(self.remote), f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    def head(self, branch: str) -> str:
        return self.git("rev-parse", f"refs/heads/{branch}", at=self.remote)

    def delivered(self) -> None:
        """Announce the head of the main branch, as a push to the git host would; until all is parsed at it."""
        commit = self.head(self.main)
        assert self.webhook.by_signature(self.url, self.secret, self.main, commit)["revision"] == commit
        self.platform.until(lambda: set(self.state()["parsed"]) == {commit}, "all is parsed")

    def state(self) -> dict[str, Any]:
        return self.platform.airflow.call("GET", f"/ariel/webhook/{TEAM}")

    def git(self, *arguments: str, at: Path | None = None) -> str:
        command, environment = ["git", *arguments], {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        place = at or self.checkout
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()


@pytest.fixture(scope="module")
def author(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Author]:
    made = Author(platform, tmp_path_factory.mktemp("promotion"))
    made.begin()
    yield made
    made.put_back()


@pytest.fixture(autouse=True)
def said(author: Author, monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the commands print, which are given in the project."""
    monkeypatch.chdir(author.project)
    made = StringIO()
    monkeypatch.setattr(console, "out", console._console(made))
    return made


@pytest.fixture(scope="module")
def first(author: Author) -> str:
    """The commit that is delivered before the tests."""
    commit = author.write(author.main, "first")
    author.delivered()
    return commit


@pytest.fixture
def next_serves_its_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which `next` would, had it a platform of its own."""
    monkeypatch.setattr(promotion, "_served", lambda session, tenant, origin: origin.head())


@pytest.mark.usefixtures("next_serves_its_branch")
def test_what_the_environment_lacks_is_not_promoted_into_it(author: Author, said: StringIO, first: str) -> None:
    assert author.head(author.main) == first
    author.write(NEXT, "second", tail=LACKING)
    done = author.promote(NEXT, STACK)
    assert done.exit_code == 1, done.exception
    assert "promotion_nobody_set" in said.getvalue()
    assert author.head(author.main) == first


@pytest.mark.usefixtures("next_serves_its_branch")
def test_a_promoted_commit_is_delivered_and_rolled_back_and_a_run_keeps_its_own(
    platform: RunningPlatform, author: Author, said: StringIO, first: str
) -> None:
    commit = author.write(NEXT, "second")
    done = author.promote(NEXT, STACK)
    assert done.exit_code == 0, (done.exception, said.getvalue())
    assert author.head(author.main) == commit
    author.delivered()
    path = f"/api/v2/dags/{DAG_ID}/dagRuns"
    pinned = platform.airflow.call("POST", path, body={"logical_date": None})

    done = author.ariel("rollback", "--env", STACK, "--to", first, "--repository", str(author.checkout))
    assert done.exit_code == 0, (done.exception, said.getvalue())
    author.delivered()
    runs = {"second": pinned["dag_run_id"], "first": platform.start_run(DAG_ID)}
    for says, run_id in runs.items():
        assert platform.ended(DAG_ID, run_id) == "success"
        assert platform.returned(DAG_ID, run_id, "says") == [says] * 3, "a run is of one revision, never half"


@pytest.mark.usefixtures("first")
def test_what_an_environment_serves_is_asked_of_its_mirror(author: Author, said: StringIO) -> None:
    """With nothing to promote no check is run."""
    author.git("push", "--quiet", "--force", str(author.remote), f"{author.head(author.main)}:refs/heads/{NEXT}")
    done = author.promote(STACK, NEXT)
    assert done.exit_code == 0, (done.exception, said.getvalue())
    assert f"has the content of {author.state()['mirror']['commit'][:12]} already" in said.getvalue()


@pytest.mark.usefixtures("first")
def test_only_remains_of_a_dag_are_deleted(platform: RunningPlatform, author: Author, said: StringIO) -> None:
    run_id = platform.start_run(DAG_ID, {"wait": True})
    task = f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/says"
    platform.until(lambda: platform.airflow.call("GET", task)["state"] == "running", "the task runs")
    assert "still parsed" in str(author.ariel("delete", DAG_ID, "--env", STACK, "--yes").exception)
    author.write(author.main, "third", dag_id=RENAMED, file="dags/renamed.py")
    author.delivered()
    platform.until(lambda: platform.dag(DAG_ID)["is_stale"], "the DAG is gone from the files")
    assert "still running" in str(author.ariel("delete", DAG_ID, "--env", STACK, "--yes").exception)

    platform.airflow.call("PATCH", task, body={"new_state": "success"})
    assert author.ariel("delete", DAG_ID, "--env", STACK, answers="n\n").exit_code == 1
    assert platform.dag(DAG_ID)
    done = author.ariel("delete", DAG_ID, "--env", STACK, answers="y\n")
    assert done.exit_code == 0, (done.exception, said.getvalue())
    assert not platform.dag(DAG_ID)
    assert platform.dag(RENAMED)["is_stale"] is False
