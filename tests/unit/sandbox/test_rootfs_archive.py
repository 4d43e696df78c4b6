"""What a node finds in an archive."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sandbox.rootfs import archive
from sandbox.rootfs.definition import load
from sandbox.rootfs.layers import Layer

REFERENCE = "localhost/ariel/pgbouncer:1-abc"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIEL_CACHE", str(tmp_path / "cache"))


def built(name: str, below: Layer | None = None) -> Layer:
    layer = Layer(name=name, script=name, below=below)
    layer.root.mkdir(parents=True)
    (layer.root / name).write_text(name)
    return layer


def written(tmp_path: Path, layers: list[Layer], held: int) -> dict[str, bytes]:
    target = tmp_path / "image.tar"
    archive.write(target, load("pgbouncer"), version_tag="1-abc", reference=REFERENCE, layers=layers, held=held)
    with tarfile.open(target) as opened:
        return {member.name: file.read() for member in opened if (file := opened.extractfile(member))}


def blob(files: dict[str, bytes], descriptor: dict[str, Any]) -> Any:
    content = files[f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}"]
    assert len(content) == descriptor["size"]
    return json.loads(content)


def test_every_blob_has_the_digest_that_names_it(tmp_path: Path) -> None:
    bottom = built("bottom")
    files = written(tmp_path, [bottom, built("top", bottom)], held=2)
    blobs = {name: content for name, content in files.items() if name.startswith("blobs/")}
    assert len(blobs) == 4
    for name, content in blobs.items():
        assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"


def test_a_container_starts_as_the_definition_says(tmp_path: Path) -> None:
    files = written(tmp_path, [built("bottom")], held=1)
    (described,) = json.loads(files["index.json"])["manifests"]
    assert described["annotations"]["io.containerd.image.name"] == REFERENCE
    manifest = blob(files, described)
    config = blob(files, manifest["config"])
    assert config["config"]["User"] == "50000:0"
    assert config["config"]["Entrypoint"] == ["pgbouncer"]
    assert "LANG=C.UTF-8" in config["config"]["Env"]
    assert config["config"]["Labels"]["org.opencontainers.image.version"] == "1-abc"
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]


def test_above_a_foundation_the_archive_holds_the_top_layer_alone_and_names_all(tmp_path: Path) -> None:
    """Else each edit of the project's own package would import a gigabyte."""
    bottom = built("bottom")
    top = built("top", bottom)
    whole = written(tmp_path, [bottom, top], held=2)
    above = written(tmp_path, [bottom, top], held=1)
    assert whole["index.json"] == above["index.json"]
    (missing,) = whole.keys() - above.keys()
    manifest = blob(above, json.loads(above["index.json"])["manifests"][0])
    assert manifest["layers"][0]["digest"] == f"sha256:{missing.removeprefix('blobs/sha256/')}"


def test_a_tree_is_kept_as_it_is(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    program = root / "bin" / "program"
    program.write_text("run")
    program.chmod(0o4755)
    os.link(program, root / "bin" / "same")
    (root / "lib").symlink_to("usr/lib")
    archive.write_tree(root, tmp_path / "layer")
    with tarfile.open(tmp_path / "layer") as opened:
        found = {member.name: member for member in opened}
    assert list(found) == ["bin", "bin/program", "bin/same", "lib"]
    assert found["bin/program"].mode == 0o4755
    assert (found["bin/same"].islnk(), found["bin/same"].linkname) == (True, "bin/program")
    assert (found["lib"].issym(), found["lib"].linkname) == (True, "usr/lib")


def test_the_same_tree_makes_the_same_blob(tmp_path: Path) -> None:
    """A node knows a layer by its digest: another one for the same files is unpacked again."""
    layer = built("bottom")
    for name in ("b", "a"):
        (layer.root / name).write_text(name)
    for target in ("one", "two"):
        archive.write_tree(layer.root, tmp_path / target)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
