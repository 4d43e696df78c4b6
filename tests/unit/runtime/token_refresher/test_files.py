"""Files of secrets: whole, private, and the old ones stay when the new ones cannot be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ariel_runtime.registry import Role
from ariel_runtime.token_refresher import files, memory
from ariel_runtime.tokens import Token


def test_a_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files.write(tmp_path, {"a": "secret"})
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    files.write(tmp_path, {"a": "old"})
    with (tmp_path / "a").open() as reader:
        files.write(tmp_path, {"a": "new"})
        assert reader.read() == "old"
    assert (tmp_path / "a").read_text() == "new"


def test_all_old_files_stay_when_one_cannot_be_written(tmp_path: Path) -> None:
    files.write(tmp_path, {"a": "old", "b": "old"})
    (tmp_path / ".b.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.write(tmp_path, {"a": "new", "b": "new"})
    assert (tmp_path / "a").read_text() == "old"
    assert not (tmp_path / ".a.new").exists()


def test_the_memory_gives_back_roles_and_tokens(tmp_path: Path) -> None:
    role = Role(name="a", client_id="c", object_id="o", pool_size=2, reserve_pool_size=0, verifier="v")
    token = Token(value="t", expires_on=1.0, refresh_on=None)
    memory.remember(tmp_path, [role], {"a": token})
    assert memory.recall(tmp_path) == ([role], {"a": token})
    assert (tmp_path / memory.NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"roles": [{"unknown": 1}], "tokens": {}}'])
def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    assert memory.recall(tmp_path) == ([], {})
    (tmp_path / memory.NAME).write_text(text)
    assert memory.recall(tmp_path) == ([], {})
