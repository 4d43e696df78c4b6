"""A team's child images as they are: built here of real packages, and entered as their containers are."""

from __future__ import annotations

import shlex
import shutil
from io import StringIO
from pathlib import Path

import pytest

from sandbox.report import LineReport
from sandbox.rootfs import child_layers, recipes
from sandbox.rootfs.child import ChildImage, check, pins, read
from sandbox.rootfs.definition import load
from sandbox.rootfs.images import BuiltImage, ensure_child
from sandbox.rootfs.layers import Layer
from stacks.errors import MachineError
from tests.cluster.test_images import AS_THE_POD, enter

AIRFLOW = load("airflow")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> ChildImage:
    """That of the fitness repository, with an interpreter more."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(Path(__file__).parents[1] / "fitness" / "images", root / "images")
    (root / "environments" / "plain").mkdir(parents=True)
    (root / "environments" / "plain" / "requirements.txt").write_text("humanize==4.9.0\n")
    return read(root, "weather")["legacy"]


@pytest.fixture(scope="module")
def built(image: ChildImage) -> BuiltImage:
    return ensure_child(image, LineReport())


def top(image: ChildImage) -> Layer:
    return child_layers.layers(image, AIRFLOW, recipes.layers(AIRFLOW))


def in_image(image: ChildImage, command: str, scratch: Path) -> None:
    variables = {**AIRFLOW.environment, **AIRFLOW.debian.environment, "AIRFLOW_HOME": "/tmp/airflow"}  # noqa: S108
    lines = [f"export {key}={value}" for key, value in variables.items()]
    enter(top(image), "\n".join(["set -x", *lines, command]), scratch)


def test_an_image_that_stands_is_not_built_again(image: ChildImage, built: BuiltImage) -> None:
    said = StringIO()
    assert ensure_child(image, LineReport(said)) == built
    assert said.getvalue() == ""


def test_it_runs_what_the_platforms_image_cannot(image: ChildImage, built: BuiltImage, tmp_path: Path) -> None:
    """Ruby, a Python that Debian has given up, an operator that its provider has, and one team's own packages."""
    script = f"""
[ "$({AS_THE_POD} ruby -e 'puts 6 * 7')" = 42 ]
[ "$({AS_THE_POD} python2.7 -c 'import json, ssl, sqlite3; print json.dumps(7 / 2)')" = 3 ]
{AS_THE_POD} dumb-init -- /entrypoint python -c 'import airflow.providers.postgres.operators.postgres'
{AS_THE_POD} /opt/environments/plain/bin/python -c 'import humanize'
if {AS_THE_POD} /opt/environments/plain/bin/python -c 'import airflow'; then exit 1; fi
if {AS_THE_POD} python -c 'import humanize'; then exit 1; fi
"""
    in_image(image, script, tmp_path)


def test_its_airflow_is_the_platforms_and_another_would_be_seen(
    image: ChildImage, built: BuiltImage, tmp_path: Path
) -> None:
    right = pins(AIRFLOW)
    wrong = {**right, "apache-airflow-task-sdk": "1.3.1"}
    script = f"""
python -c {shlex.quote(check(right))}
if python -c {shlex.quote(check(wrong))} 2> /tmp/said; then exit 1; fi
grep --quiet "another version of .'apache-airflow-task-sdk'. than the platform" /tmp/said
"""
    in_image(image, script, tmp_path)


def test_its_archive_holds_no_more_than_was_added(built: BuiltImage) -> None:
    """With Airflow in it, each image of each team would be hundreds of megabytes more in the node."""
    assert built.foundation is not None
    foundation = built.foundation.foundation
    assert foundation is not None
    assert built.archive.stat().st_size < foundation.archive.stat().st_size / 4


def test_a_package_that_brings_another_airflow_fails_the_build_and_says_which(tmp_path: Path) -> None:
    """Its own requirements cannot be read before they are resolved."""
    folder = tmp_path / "images" / "changed"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("-r more.txt\n")
    (folder / "more.txt").write_text("apache-airflow==3.1.0\n")
    image = read(tmp_path, "weather")["changed"]
    with pytest.raises(MachineError, match=r"apache-airflow==3\.1\.0"):
        ensure_child(image, LineReport(StringIO()))
    assert not top(image).folder.exists()
