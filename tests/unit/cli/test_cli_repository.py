"""Which repository a folder lies in, and what is said where it lies in none."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.repository import repository_at
from stacks.errors import UsageError

NAMED = '[project]\nname = "weather"\n[tool.ariel]\ntenant = "weather"\n'


def test_a_folder_deep_in_a_checkout_belongs_to_its_repository(tmp_path: Path) -> None:
    root = tmp_path / "with a space"
    deep = root / "dags" / "deep"
    deep.mkdir(parents=True)
    (root / "pyproject.toml").write_text(NAMED)
    (deep / "pyproject.toml").write_text('[project]\nname = "somebody-else"\n')
    found = repository_at(deep)
    assert (found.root, found.tenant, found.dags) == (root, "weather", root / "dags")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "ariel new tenant-repo"),
        ("[project]\n", "ariel new tenant-repo"),
        ("[tool.ariel]\n", 'tenant = "SLUG"'),
        ("[tool.ariel]\ntenant = 7\n", 'tenant = "SLUG"'),
        ("[tool.ariel\n", "correct it"),
    ],
)
def test_who_stands_in_no_repository_is_told_what_to_do(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError) as refused:
        repository_at(tmp_path)
    assert said in str(refused.value)
