"""`ariel new tenant-repo`: what it makes, what it refuses, and what it tells."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import console
from cli.app import app
from cli.repository import repository_at
from cli.secrets_file import load
from stacks.errors import UsageError


def new(folder: Path, slug: str = "harbour") -> Result:
    return CliRunner().invoke(app, ["new", "tenant-repo", str(folder), "--tenant", slug])


def git(folder: Path, *arguments: str) -> list[str]:
    done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_repository_is_the_tenants_and_waits_for_its_first_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made outside of any project: a team needs no checkout of the platform's settings."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "with space" / "harbour"
    done = new(folder)
    assert done.exit_code == 0, done.output
    assert repository_at(folder).tenant == "harbour"
    staged = git(folder, "diff", "--cached", "--name-only")
    assert {"dags/example.py", ".airflowignore", "secrets.example.yaml", ".github/workflows/deliver.yml"} <= set(staged)
    assert git(folder, "status", "--porcelain", "--untracked-files=all") == [f"A  {name}" for name in staged]


def test_it_tells_three_commands(tmp_path: Path) -> None:
    with console.out.capture() as said:
        new(tmp_path / "with space")
    lines = said.get().splitlines()
    told = [line.split("#")[0].strip() for line in lines if line.startswith("  ")]
    assert told == [f"cd '{tmp_path}/with space'", "make presubmit", "ariel dev"]


def test_without_git_the_files_are_there_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with console.out.capture() as said:
        done = new(tmp_path / "made")
    assert done.exit_code == 0, done.output
    assert "without git" in said.get()
    assert (tmp_path / "made" / "dags" / "example.py").is_file()
    assert not (tmp_path / "made" / ".git").exists()


@pytest.mark.parametrize("name", ["notes.txt", ".git"])
def test_a_folder_that_holds_anything_is_left_alone(name: str, tmp_path: Path) -> None:
    """Otherwise the example would be written over a team's work."""
    (tmp_path / name).touch()
    refused = new(tmp_path).exception
    assert isinstance(refused, UsageError)
    assert [(each.path, each.value) for each in refused.problems] == [("FOLDER", str(tmp_path))]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_bad_slug_makes_nothing(tmp_path: Path) -> None:
    assert isinstance(new(tmp_path / "made", "Harbour").exception, UsageError)
    assert not (tmp_path / "made").exists()


def test_the_example_of_secrets_has_the_form_that_import_takes(tmp_path: Path) -> None:
    new(tmp_path / "made")
    (entry,) = load(tmp_path / "made" / "secrets.example.yaml").secrets
    assert (entry.kind, entry.id, entry.owner) == ("secret", "warehouse", "harbour@example.org")
