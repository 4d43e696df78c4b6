"""`ariel dags promote` and `rollback` on real repositories: what an environment's branch is afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from cli import promotion
from cli.app import app
from cli.promotion import RevisionError
from tests.git_variables import git_as

URL = "https://git.example.org/weather/dags.git"


class Environments:
    """Two that follow branches of one repository, which is served as the sandbox does, and a checkout of it."""

    def __init__(self, folder: Path) -> None:
        self.remote = folder / "git" / "weather" / "dags.git"
        self.remote.mkdir(parents=True)
        self.git("init", "--quiet", "--bare", "--initial-branch=dev", at=self.remote)
        self.checkout = folder / "check out"
        self.git("clone", "--quiet", str(self.remote), str(self.checkout), at=folder)
        self.git("checkout", "--quiet", "-B", "dev")
        (self.checkout / "pyproject.toml").write_text('[tool.ariel]\ntenant = "weather"\n')
        self.git("add", ".")
        self.paths = SimpleNamespace(git=folder / "git")
        self.served: dict[str, Any] = {"mirror": {"commit": ""}, "fault": ""}
        self.first = self.write("first")
        self.second = self.write("second")

    def session(self, env: str) -> Any:
        tenant = SimpleNamespace(repository=SimpleNamespace(url=URL, branch=env))
        platform = SimpleNamespace(call=lambda *_: self.served)
        return SimpleNamespace(
            stack=env,
            settings=SimpleNamespace(tenants={"weather": tenant}),
            sandbox=SimpleNamespace(paths=self.paths),
            platform=platform,
            running_platform=lambda: platform,
        )

    def write(self, text: str, branch: str = "dev") -> str:
        """Commit and push; the dev environment serves it."""
        (self.checkout / "dag.py").write_text(text)
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", f"Say {text}")
        self.git("push", "--quiet", str(self.remote), f"HEAD:refs/heads/{branch}")
        self.served["mirror"]["commit"] = commit = self.git("rev-parse", "HEAD")
        return commit

    def head(self, branch: str) -> str:
        return self.git("rev-parse", branch, at=self.remote)

    def content(self, branch: str) -> str:
        return self.git("show", f"{branch}:dag.py", at=self.remote)

    def git(self, *arguments: str, at: Path | None = None) -> str:
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=at or self.checkout, check=True, capture_output=True, text=True
        ).stdout.strip()


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environments:
    for name, value in git_as("ada@example.org").items():
        monkeypatch.setenv(name, value)
    made = Environments(tmp_path)
    monkeypatch.setattr(promotion, "open_session", made.session)
    return made


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Environment and content of each check that was asked for; all find nothing."""
    made: list[tuple[str, str]] = []
    monkeypatch.setattr(
        promotion, "check", lambda *, env, repository, **_: made.append((env, (repository / "dag.py").read_text()))
    )
    return made


def ariel(environments: Environments, *arguments: str) -> Result:
    given = ["dags", *arguments, "--repository", str(environments.checkout)]
    return CliRunner().invoke(app, given)


def promote(environments: Environments) -> Result:
    return ariel(environments, "promote", "--from", "dev", "--to", "prod")


def test_a_promotion_is_the_commit_that_the_other_environment_serves(
    environments: Environments, checked: list[tuple[str, str]]
) -> None:
    environments.write("not served yet")
    environments.served["mirror"]["commit"] = environments.second
    done = promote(environments)
    assert done.exit_code == 0, done.exception
    assert environments.head("prod") == environments.second
    assert checked == [("prod", "second")], "another content was checked than promoted"
    assert "not served yet" in (environments.checkout / "dag.py").read_text()
    assert len(environments.git("worktree", "list").splitlines()) == 1


def test_what_fails_the_check_is_not_promoted(environments: Environments, monkeypatch: pytest.MonkeyPatch) -> None:
    def bad(**_: Any) -> None:
        raise typer.Exit(1)

    environments.git("push", "--quiet", str(environments.remote), f"{environments.first}:refs/heads/prod")
    monkeypatch.setattr(promotion, "check", bad)
    assert promote(environments).exit_code == 1
    assert environments.head("prod") == environments.first
    assert len(environments.git("worktree", "list").splitlines()) == 1


def test_a_rollback_restores_the_content_and_keeps_the_history(environments: Environments) -> None:
    done = ariel(environments, "rollback", "--env", "dev", "--to", environments.first)
    assert done.exit_code == 0, done.exception
    assert environments.content("dev") == "first"
    assert environments.git("rev-parse", "dev^", at=environments.remote) == environments.second
    head = environments.head("dev")
    assert ariel(environments, "rollback", "--env", "dev", "--to", environments.first).exit_code == 0
    assert environments.head("dev") == head, "once more for nothing"


def test_an_environment_that_was_rolled_back_can_be_promoted_to(
    environments: Environments, checked: list[tuple[str, str]]
) -> None:
    promote(environments)
    assert ariel(environments, "rollback", "--env", "prod", "--to", environments.first).exit_code == 0
    environments.write("mended")
    done = promote(environments)
    assert done.exit_code == 0, done.exception
    assert environments.content("prod") == "mended"
    assert environments.git("rev-parse", "prod^2", at=environments.remote) == environments.head("dev")


def test_a_promotion_undoes_no_change_that_the_other_branch_alone_has(
    environments: Environments, checked: list[tuple[str, str]]
) -> None:
    fixed = environments.write("fixed in haste", "prod")
    environments.git("reset", "--quiet", "--hard", environments.second)
    environments.write("third")
    done = promote(environments)
    assert isinstance(done.exception, RevisionError)
    assert "changes of its own" in str(done.exception)
    assert environments.head("prod") == fixed


@pytest.mark.parametrize("to", ["absent", "HEAD"])
def test_a_rollback_leads_to_what_the_environment_once_had(environments: Environments, to: str) -> None:
    """A revision that was never on the branch was never checked for it."""
    environments.git("commit", "--quiet", "--allow-empty", "-m", "never pushed")
    done = ariel(environments, "rollback", "--env", "dev", "--to", to)
    assert isinstance(done.exception, RevisionError)
    assert environments.head("dev") == environments.second


def test_environments_of_one_branch_have_nothing_to_promote(environments: Environments) -> None:
    done = ariel(environments, "promote", "--from", "dev", "--to", "dev")
    assert isinstance(done.exception, RevisionError)
    assert "different branches" in str(done.exception)


def test_a_mirror_that_serves_nothing_is_promoted_from_by_nobody(environments: Environments) -> None:
    environments.served.update(mirror=None, fault="the mirror does not answer")
    done = promote(environments)
    assert isinstance(done.exception, RevisionError)
    assert "the mirror does not answer" in str(done.exception)
