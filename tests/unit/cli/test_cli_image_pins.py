"""What a push writes into a stack file: the images, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.image_pins import SETTINGS, Pin, pinned, write_pins
from sandbox.paths import REPOSITORY
from sandbox.rootfs.definition import load_all
from stacks.errors import SettingsError

DIGEST = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(REPOSITORY / "Pulumi.dev.yaml", tmp_path))


def pins(tag: str, digest: str) -> dict[str, Pin]:
    return {name: Pin(repository=f"ariel/{name}", tag=tag, digest=digest) for name in SETTINGS}


def test_every_image_has_its_place_in_the_stack_file() -> None:
    assert set(SETTINGS) == set(load_all())


def test_what_was_pushed_is_what_the_stack_then_runs(file: Path) -> None:
    settings = write_pins(file, pins("1-abc", DIGEST))
    for name in SETTINGS:
        image = pinned(settings, name)
        assert (image.repository, image.tag, image.digest) == (f"ariel/{name}", "1-abc", DIGEST)


def test_a_second_push_replaces_the_first(file: Path) -> None:
    """A digest that stays beside a new tag would go on running the old image."""
    write_pins(file, pins("1-abc", DIGEST))
    settings = write_pins(file, pins("2-def", OTHER))
    assert {pinned(settings, name).digest for name in SETTINGS} == {OTHER}
    assert DIGEST not in file.read_text()
    assert "1-abc" not in file.read_text()


def test_every_other_line_and_comment_stays(file: Path) -> None:
    before = file.read_text().splitlines()
    write_pins(file, pins("1-abc", DIGEST))
    after = file.read_text().splitlines()
    changed = [line.strip() for line in before if line not in after]
    assert all(line.startswith(("repository:", "tag:")) for line in changed)
    assert [line for line in after if line.strip().startswith("#")] == [
        line for line in before if line.strip().startswith("#")
    ]


def test_the_same_pins_again_change_nothing(file: Path) -> None:
    write_pins(file, pins("1-abc", DIGEST))
    before = file.read_bytes()
    write_pins(file, pins("1-abc", DIGEST))
    assert file.read_bytes() == before


def test_a_comment_behind_a_tag_stays(file: Path) -> None:
    text = file.read_text()
    file.write_text(text.replace("tag: 1.26.0-1", 'tag: "1.26.0-1"  # ours'))
    write_pins(file, pins("1-abc", DIGEST))
    assert "tag: 1-abc  # ours" in file.read_text()


def test_what_would_not_validate_is_not_written(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(SettingsError):
        write_pins(file, pins("1-abc", "sha256:short"))
    assert file.read_bytes() == before
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]
