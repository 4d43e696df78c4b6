"""`ariel dags check`, of `images/lock.json`: whether a run would get the image that its commit describes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli import child_images, child_lock, production_images

REQUIREMENTS = Path("images", "geo", "requirements.txt")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose one image is in its lock."""
    made = tmp_path / "repository"
    (made / REQUIREMENTS).parent.mkdir(parents=True)
    (made / REQUIREMENTS).write_text("humanize==4.9.0\n")
    lock(made)
    return made


@pytest.fixture
def base(root: Path) -> Path:
    """The revision before."""
    return Path(shutil.copytree(root, root.with_name("base")))


def lock(root: Path) -> None:
    child_images.write_lock(root, child_lock.read(root, "weather"))


def states(root: Path, base: Path | None = None) -> dict[str, str]:
    return {each["id"]: each["state"] for each in child_lock.findings(root, "weather", base)}


def test_what_is_locked_as_it_is_has_no_finding(root: Path, base: Path) -> None:
    assert states(root) == states(root, base) == {}


def test_a_changed_image_without_its_lock_fails_the_check(root: Path, base: Path) -> None:
    """The tasks would run in the former image, without the package that was added for them."""
    (root / REQUIREMENTS).write_text("humanize==4.10.0\n")
    (finding,) = child_lock.findings(root, "weather", base)
    assert (finding["state"], finding["file"], finding["id"]) == ("broken", "images/lock.json", "geo")
    assert "ariel images build" in finding["reason"]
    lock(root)
    assert states(root, base) == {}


def test_without_a_revision_to_compare_with_it_is_a_warning(root: Path) -> None:
    (root / REQUIREMENTS).write_text("humanize==4.10.0\n")
    assert states(root) == {"geo": "warning"}


def test_a_new_image_that_no_lock_has_fails_the_check(root: Path, base: Path) -> None:
    (root / "images" / "new").mkdir()
    (root / "images" / "new" / "packages.txt").write_text("ruby\n")
    assert states(root, base) == {"new": "broken"}


def test_another_image_of_the_platform_fails_no_pull_request(
    root: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment may still have the former; the team has changed nothing."""
    other = production_images.archive_of("airflow", "3.3.3-0123456789ab", Path())
    monkeypatch.setattr(production_images, "planned", lambda image, folder: other)
    assert states(root, base) == {"geo": "warning"}


def test_what_cannot_be_read_is_said_with_what_to_do(root: Path, base: Path) -> None:
    """As a merge leaves the file."""
    good = (root / child_images.LOCK).read_text()
    (root / child_images.LOCK).write_text(f"<<<<<<< ours\n{good}")
    assert states(root, base).popitem()[1] == "broken"
    (root / child_images.LOCK).write_text("[]")
    assert states(root, base).popitem()[1] == "broken"
    (root / child_images.LOCK).write_text(good)
    (root / REQUIREMENTS).write_text("apache-airflow==2.0.0\n")
    (finding,) = child_lock.findings(root, "weather", base)
    assert (finding["state"], finding["file"]) == ("broken", "images/geo/requirements.txt")
