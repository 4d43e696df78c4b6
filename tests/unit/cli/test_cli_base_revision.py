"""The revision with which a checkout is compared where nobody names one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cli.base_revision import export, merge_base
from tests.git_variables import git_as


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone with one commit, of which the folder `team` is a part."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    _git(tmp_path, "init", "--quiet", "--initial-branch=main", str(origin))
    (origin / "team").mkdir()
    (origin / "team" / "dag.py").write_text("")
    _git(origin, "add", "--all")
    _git(origin, "commit", "--quiet", "--message", "Begin")
    _git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    return clone


def _git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, **git_as("a@example.org")}
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


def test_a_folder_of_the_commit_is_compared_with_its_files_there(checkout: Path, tmp_path: Path) -> None:
    base = merge_base(checkout / "team", "main")
    assert base is not None
    export(checkout / "team", base, tmp_path / "base")
    assert [each.name for each in (tmp_path / "base").iterdir()] == ["dag.py"]


def test_a_folder_that_only_lies_in_somebodys_checkout_is_compared_with_nothing(checkout: Path) -> None:
    """Else the check of a new repository would end with an error about a revision that nobody named."""
    (checkout / "new").mkdir()
    (checkout / "new" / "dag.py").write_text("")
    assert merge_base(checkout / "new", "main") is None


def test_without_a_remote_there_is_nothing_to_compare_with(checkout: Path) -> None:
    _git(checkout, "remote", "remove", "origin")
    assert merge_base(checkout / "team", "main") is None
