"""What decides a layer, and that a folder with a layer's name is always a complete one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from sandbox.report import LineReport
from sandbox.rootfs import chroot, recipes, trees
from sandbox.rootfs.definition import load_all
from sandbox.rootfs.layers import Layer, content_digest, ensure_layer, partial_folder
from stacks.errors import MachineError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIEL_CACHE", str(tmp_path / "cache"))


def layer(tmp_path: Path, **changes: object) -> Layer:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "module.py").write_text("print()")
    made = Layer(name="top", script="true", below=Layer(name="bottom", script="true"), inputs={"source": source})
    return replace(made, **changes)  # type: ignore[arg-type]


def test_unchanged_content_is_the_same_layer(tmp_path: Path) -> None:
    """Else every `up` would build and import hundreds of megabytes again."""
    assert layer(tmp_path).key == layer(tmp_path).key


@pytest.mark.parametrize(
    "change", [{"script": "false"}, {"below": Layer(name="bottom", script="false")}, {"below": None}, {"inputs": {}}]
)
def test_what_decides_a_layer_makes_another_one(change: dict[str, object], tmp_path: Path) -> None:
    assert layer(tmp_path, **change).key != layer(tmp_path).key


def test_an_edited_file_makes_another_layer(tmp_path: Path) -> None:
    """Else a pod would run the code from before the edit."""
    before = layer(tmp_path).key
    made = layer(tmp_path)
    (tmp_path / "source" / "module.py").write_text("print(1)")
    assert replace(made).key != before


@pytest.mark.parametrize("change", [{"environment": {"UV_INDEX": "https://mirror"}}, {"caches": {"/c": Path("/x")}}])
def test_how_a_machine_reaches_the_registries_decides_nothing(change: dict[str, object], tmp_path: Path) -> None:
    assert layer(tmp_path, **change).key == layer(tmp_path).key


def test_a_digest_sees_names_content_and_mode_and_no_compiled_files(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a" / "__pycache__").mkdir(parents=True)
    file = tree / "a" / "run"
    file.write_text("one")
    seen = [content_digest(tree)]
    (tree / "a" / "__pycache__" / "run.pyc").write_text("compiled")
    assert content_digest(tree) == seen[0]
    file.chmod(0o755)
    seen.append(content_digest(tree))
    file.write_text("two")
    seen.append(content_digest(tree))
    file.rename(tree / "a" / "walk")
    seen.append(content_digest(tree))
    assert len(set(seen)) == len(seen)


def test_the_projects_own_package_is_a_layer_of_its_own_on_top() -> None:
    """A change of it must not install Airflow again."""
    names = [each.name for each in recipes.layers(load_all()["airflow"]).stack()]
    assert names == ["airflow-own", "airflow-packages", "airflow", "debian"]


def test_all_images_and_trees_share_one_debian() -> None:
    bottoms = {recipes.layers(image).stack()[-1].key for image in load_all().values()}
    assert bottoms == {trees.layer("postgresql").stack()[-1].key}


def test_an_interrupted_build_leaves_nothing_that_is_taken_for_complete(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "layers" / "top"

    def interrupted() -> None:
        with partial_folder(target) as partial:
            (partial / "half").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(target.parent.iterdir()) == []


def test_what_a_killed_build_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    """A kill removes nothing, and half an Airflow is 700 MB."""
    target = tmp_path / "cache" / "top"
    script = f"""
import os, signal
from pathlib import Path
from sandbox.rootfs.layers import partial_folder
with partial_folder(Path({str(target)!r})) as partial:
    (partial / "half").write_text("")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    assert [entry.name == "top" for entry in target.parent.iterdir()] == [False]
    with partial_folder(target) as partial:
        (partial / "whole").write_text("")
    assert [entry.name for entry in target.parent.iterdir()] == ["top"]
    assert [entry.name for entry in target.iterdir()] == ["whole"]


def test_without_root_a_build_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MachineError) as refused:
        ensure_layer(layer(tmp_path), LineReport(StringIO()))
    (problem,) = refused.value.problems
    assert (problem.path, problem.value) == ("user", "uid 1000")
    assert "sudo" in problem.action


def test_a_machine_without_the_programs_is_told_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError) as refused:
        ensure_layer(layer(tmp_path), LineReport(StringIO()))
    assert [problem.value for problem in refused.value.problems] == ["no setpriv, unshare, mount, chroot"]


def test_a_path_with_a_blank_is_one_word_of_the_mounting_script() -> None:
    """The cache may lie below a folder of any name."""
    overlay = chroot.Overlay(lower=[Path("/a b/low")], upper=Path("/a b/up"), work=Path("/w"), root=Path("/r t"))
    script = chroot.mounting(overlay, chroot.Run(script="true", readable={"/run/build/x": Path("/a b/x")}))
    assert "'lowerdir=/a b/low,upperdir=/a b/up,workdir=/w," in script
    assert "'/a b/x' '/r t/run/build/x'" in script
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0
