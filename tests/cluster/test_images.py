"""The images as they are: built here, and entered as their containers are."""

from __future__ import annotations

import io
import shlex
import shutil
import struct
import tarfile
import threading
import time
from io import StringIO
from pathlib import Path

import pytest

from sandbox import paths
from sandbox.report import LineReport
from sandbox.rootfs import archive, chroot, debian, ensure, recipes
from sandbox.rootfs.definition import load
from sandbox.rootfs.images import BuiltImage, ensure_images
from sandbox.rootfs.layers import Layer, building, ensure_layer

AS_THE_POD: str = "setpriv --reuid 50000 --regid 0 --clear-groups --no-new-privs --bounding-set -all"


@pytest.fixture(scope="module")
def images() -> dict[str, BuiltImage]:
    return ensure_images(LineReport())


def enter(top: Layer, script: str, scratch: Path) -> None:
    """Runs a script in a tree; a failing one raises ScriptError with its last lines."""
    for name in ("upper", "work", "mount"):
        (scratch / name).mkdir()
    overlay = chroot.Overlay(
        lower=[each.root for each in top.stack()],
        upper=scratch / "upper",
        work=scratch / "work",
        root=scratch / "mount",
    )
    chroot.run(overlay, chroot.Run(script=script))


def in_image(name: str, command: str, scratch: Path) -> None:
    image = load(name)
    variables = [f"export {key}={value}" for key, value in {**image.environment, **image.debian.environment}.items()]
    enter(recipes.layers(image), "\n".join(["set -x", *variables, command]), scratch)


def test_images_that_stand_are_not_built_again(images: dict[str, BuiltImage]) -> None:
    """Else each `up` would take minutes."""
    said = StringIO()
    begun = time.monotonic()
    assert ensure_images(LineReport(said)) == images
    assert said.getvalue() == ""
    assert time.monotonic() - begun < 5


def test_airflow_runs_as_the_pods_do_with_the_projects_package(images: dict[str, BuiltImage], tmp_path: Path) -> None:
    command = f"""
[ "$({AS_THE_POD} id -un)" = airflow ]
{AS_THE_POD} dumb-init -- /entrypoint python -c 'import ariel_runtime, asyncpg, kubernetes, prometheus_client, psycopg2'
[ "$({AS_THE_POD} dumb-init -- /entrypoint version | tail -1)" = {images["airflow"].version_tag.partition("-")[0]} ]
"""
    in_image("airflow", command, tmp_path)


def test_every_module_of_the_package_runs_on_what_the_image_holds(
    images: dict[str, BuiltImage], tmp_path: Path
) -> None:
    """The unit tests run it on another Python, among packages that the image does not have: pytest, for its plugin."""
    assert images
    program = """
import importlib, pkgutil, ariel_runtime
names = [module.name for module in pkgutil.walk_packages(ariel_runtime.__path__, "ariel_runtime.")]
assert len(names) > 10, names
for name in names:
    if not name.endswith("__main__") and name != "ariel_runtime.testing":
        importlib.import_module(name)
"""
    in_image("airflow", f"export AIRFLOW_HOME=/tmp; {AS_THE_POD} python -c {shlex.quote(program)}", tmp_path)


def test_the_image_holds_the_providers_that_the_platform_offers(images: dict[str, BuiltImage], tmp_path: Path) -> None:
    wanted = "apache-kafka cncf-kubernetes common-sql git http imap microsoft-azure microsoft-mssql postgres samba"
    script = f"""
found=$({AS_THE_POD} airflow providers list --output plain)
for provider in {wanted} slack smtp standard; do
    echo "$found" | grep --quiet "^apache-airflow-providers-$provider "
done
! echo "$found" | grep providers-fab
"""
    in_image("airflow", script, tmp_path)


def test_everything_is_compiled_and_no_source_is_looked_at(images: dict[str, BuiltImage]) -> None:
    """A start that compiles Airflow in memory costs seconds of CPU more, in every task."""
    assert images
    own, packages = recipes.layers(load("airflow")).stack()[:2]
    for root in (own.root, packages.root):
        sources = list(root.glob("home/airflow/.local/lib/python3.13/site-packages/**/*.py"))
        compiled = [source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc" for source in sources]
        assert sources
        assert [file for file in compiled if not file.exists()] == []
        # PEP 552: the second word is 1 for a digest which is not checked.
        assert {struct.unpack("<I", file.read_bytes()[4:8])[0] for file in compiled} == {1}


def test_pgbouncer_can_start_and_drain_as_the_pods_user(images: dict[str, BuiltImage], tmp_path: Path) -> None:
    version = images["pgbouncer"].version_tag.partition("-")[0]
    script = f"""
[ "$({AS_THE_POD} id -un)" = pgbouncer ]
{AS_THE_POD} /bin/sh -c 'sleep 0; kill -l > /dev/null; pgbouncer --version' | grep --quiet '{version}'
"""
    in_image("pgbouncer", script, tmp_path)


def test_the_statsd_exporter_is_the_version_that_the_stacks_name(images: dict[str, BuiltImage], tmp_path: Path) -> None:
    assert images["statsd-exporter"].version_tag.startswith("0.28.0-")
    in_image("statsd-exporter", "/bin/statsd_exporter --version 2>&1 | grep --quiet 'version 0.28.0'", tmp_path)


def test_nothing_of_the_machine_that_built_it_is_in_an_image(images: dict[str, BuiltImage]) -> None:
    """Name servers and names of a person's network would be published with the image."""
    assert images
    for name in images:
        for layer in recipes.layers(load(name)).stack():
            for file in ("etc/resolv.conf", "etc/hosts"):
                path = layer.root / file
                assert not path.exists() or path.read_text() == ""
            assert not list((layer.root / "var/lib/apt/lists").glob("*Packages*"))
            assert not list((layer.root / "var/cache/apt/archives").glob("*.deb"))


def test_what_a_layer_removes_is_removed_in_the_node_as_well(tmp_path: Path) -> None:
    report = LineReport(StringIO())
    with building(report):
        ensure_layer(debian.BASE, report)
    layer = Layer(
        name="test-removal",
        script="rm /etc/debian_version; rm -r /usr/share/base-files; mkdir /usr/share/base-files",
        below=debian.BASE,
    )
    with building(report):
        ensure_layer(layer, report)
    archive.write_tree(layer.root, tmp_path / "layer.tar")
    shutil.rmtree(layer.folder)
    with tarfile.open(tmp_path / "layer.tar") as opened:
        names = {member.name for member in opened}
    assert "etc/.wh.debian_version" in names
    assert "usr/share/base-files/.wh..wh..opq" in names


def test_an_edit_during_a_build_is_not_in_the_layer(tmp_path: Path) -> None:
    """The layer's name says what is in it: with half an edit inside, the node would keep running that."""
    source = tmp_path / "source"
    source.mkdir()
    file = source / "module.py"
    file.write_text("before")
    layer = Layer(
        name="test-edited",
        script=f"""
touch /run/signal/begun
while [ ! -e /run/signal/edited ]; do sleep 0.05; done
cp {chroot.INPUTS}/source/module.py /opt
""",
        below=debian.BASE,
        inputs={"source": source},
        caches={"/run/signal": tmp_path / "signal"},
    )

    def edit() -> None:
        while not (tmp_path / "signal" / "begun").exists():
            time.sleep(0.01)
        file.write_text("after")
        (tmp_path / "signal" / "edited").touch()

    editor = threading.Thread(target=edit)
    editor.start()
    report = LineReport(StringIO())
    with building(report):
        ensure_layer(layer, report)
    editor.join()
    content = (layer.root / "opt" / "module.py").read_text()
    shutil.rmtree(layer.folder)
    assert content == "before"


def test_a_failed_build_says_what_failed_and_leaves_nothing(tmp_path: Path) -> None:
    layer = Layer(name="test-failing", script="echo the reason; touch /half; exit 3", below=debian.BASE)
    report = LineReport(io.StringIO())
    with pytest.raises(Exception, match="the reason"), building(report):
        ensure_layer(layer, report)
    assert not layer.folder.exists()
    assert not list(layer.folder.parent.glob(".partial-*"))
    assert str(paths.cache()) not in Path("/proc/self/mountinfo").read_text()


def test_the_tree_of_postgresql_is_complete_and_has_no_cluster_of_its_own() -> None:
    tree = ensure("postgresql", LineReport())
    assert (tree / "usr/lib/postgresql/17/bin/initdb").is_file()
    assert (tree / "usr/share/postgresql/17/extension/pg_stat_statements.control").is_file()
    assert not (tree / "var/lib/postgresql/17").exists()
    assert (tree / "etc/resolv.conf").read_text() == ""
