"""The repository with which a team begins, written for a slug."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.errors import UsageError
from stacks.starter import PLACEHOLDER, STARTER, write


def test_every_file_is_the_teams_and_nothing_of_a_tool_is_copied(tmp_path: Path) -> None:
    write(tmp_path / "made", "harbour")
    files = [path for path in (tmp_path / "made").rglob("*") if path.is_file()]
    assert {"pyproject.toml", "example.py", ".airflowignore", "deliver.yml"} <= {path.name for path in files}
    assert [path for path in files if PLACEHOLDER in path.read_text()] == []
    named = {path.relative_to(tmp_path / "made").as_posix() for path in files if "harbour" in path.read_text()}
    of_template = {path.relative_to(STARTER).as_posix() for path in STARTER.rglob("*.*") if _names_the_team(path)}
    assert named == of_template
    assert {"pyproject.toml", "README.md", "dags/example.py", "dags/diagnostics.py", "dags/connections.py"} <= named
    assert not [path for path in files if "__pycache__" in path.parts]


def _names_the_team(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc" and PLACEHOLDER in path.read_text()


@pytest.mark.parametrize("slug", ["Harbour", "ha", "harbour-", "a" * 21, "airflow", "kube-team", ""])
def test_a_slug_that_no_tenant_may_have_writes_nothing(slug: str, tmp_path: Path) -> None:
    """Otherwise a team begins with ids that its platform will never take."""
    with pytest.raises(UsageError) as refused:
        write(tmp_path / "made", slug)
    (problem,) = refused.value.problems
    assert problem.path == "tenant"
    assert all((problem.value, problem.rule, problem.action))
    assert not (tmp_path / "made").exists()
