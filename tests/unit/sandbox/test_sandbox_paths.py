"""Folders: the cache follows the user's settings, and no two sandboxes share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import paths
from sandbox.paths import SandboxPaths


def test_the_cache_is_where_the_person_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARIEL_CACHE", str(tmp_path / "own"))
    assert paths.cache() == tmp_path / "own"


def test_the_cache_follows_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ARIEL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert paths.cache() == tmp_path / "ariel"


def test_a_relative_cache_folder_is_ignored_as_its_specification_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ARIEL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.cache() == tmp_path / ".cache" / "ariel"


def test_two_checkouts_or_two_stacks_share_no_folder(tmp_path: Path) -> None:
    roots = {SandboxPaths(tmp_path / checkout, stack).root for checkout in "ab" for stack in ("local", "dev")}
    assert len(roots) == 4


def test_everything_that_a_wipe_removes_is_below_one_folder_and_the_lock_is_not(tmp_path: Path) -> None:
    own = SandboxPaths(tmp_path, "local")
    kept = (own.arm, own.arm_token, own.cluster, own.ports, own.logs, own.records, own.backend, own.pulumi_home)
    assert all(path.is_relative_to(own.root) for path in kept)
    assert len(set(kept)) == len(kept)
    assert not own.lock.is_relative_to(own.root)
