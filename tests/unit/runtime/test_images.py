"""Each image is described once for the sandbox and once for production; here the two are held equal."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

import pytest

from sandbox.rootfs.definition import Definition, images_folder, load_all
from stacks import versions

IMAGES: Final = load_all()
EVERY: Final = pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
WORKER: Final = ("python", "-m", "airflow.sdk.execution_time.execute_workload")
GIVEN_BY_THE_BUILD: Final = {"org.opencontainers.image.version", "org.opencontainers.image.revision"}


def instructions(image: Definition) -> list[tuple[str, str]]:
    """(instruction, argument) of the Dockerfile's last stage."""
    text = (image.home / "Dockerfile").read_text()
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", text))
    lines = [line.partition(" ") for line in joined.splitlines() if line]
    last = max(number for number, line in enumerate(lines) if line[0] == "FROM")
    return [(name, argument) for name, _, argument in lines[last:]]


def arguments(image: Definition, instruction: str) -> list[str]:
    return [argument for name, argument in instructions(image) if name == instruction]


def pairs(image: Definition, instruction: str) -> dict[str, str]:
    words = [word for argument in arguments(image, instruction) for word in shlex.split(argument)]
    return dict(word.split("=", 1) for word in words)


def locked() -> dict[str, str]:
    text = (images_folder() / "airflow" / "requirements.lock").read_text()
    return dict(re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", text))


def test_there_is_an_image_for_everything_that_a_stack_runs() -> None:
    assert set(IMAGES) == {"airflow", "pgbouncer", "statsd-exporter"}


@EVERY
def test_production_and_sandbox_start_the_same_program_as_the_same_user(image: Definition) -> None:
    """A pod that runs in the sandbox and is refused in production is found by the customer."""
    assert arguments(image, "USER")[-1] == f"{image.user.uid}:{image.user.gid}"
    assert [json.loads(argument) for argument in arguments(image, "ENTRYPOINT")] == [list(image.entrypoint)]
    assert arguments(image, "WORKDIR") == [image.folder]
    assert pairs(image, "ENV") == image.environment


@EVERY
def test_no_image_runs_as_root(image: Definition) -> None:
    assert image.user.uid >= 50000
    assert re.fullmatch(r"[1-9][0-9]*:[0-9]+", arguments(image, "USER")[-1])


@EVERY
def test_the_labels_are_the_same_and_say_the_version(image: Definition) -> None:
    labels = pairs(image, "LABEL")
    assert {name: value for name, value in labels.items() if name not in GIVEN_BY_THE_BUILD} == image.labels
    assert labels.keys() >= GIVEN_BY_THE_BUILD


@EVERY
def test_production_installs_debian_packages_of_the_definition(image: Definition) -> None:
    run = " ".join(arguments(image, "RUN"))
    installed = {word for found in re.findall(r"apt-get install ([^&]*)", run) for word in found.split()}
    assert installed >= set(image.packages)


@EVERY
def test_production_copies_the_files_of_the_definition(image: Definition) -> None:
    copied = {words[-1]: words[-2] for words in map(str.split, arguments(image, "COPY"))}
    for path, file in image.files.items():
        assert copied[path] == f"images/{image.name}/{file}"


@EVERY
def test_production_installs_the_locked_packages_and_compiles_them(image: Definition) -> None:
    """Where bytecode is missing every task pays seconds of CPU for compiling Airflow in memory."""
    run = " ".join(arguments(image, "RUN"))
    copied = " ".join(arguments(image, "COPY"))
    if image.python is None:
        assert "pip" not in run
        return
    assert f"images/{image.name}/{image.python.requirements}" in copied
    assert "--require-hashes" in run
    assert run.index("compileall") > run.rindex("pip install")
    assert "--invalidation-mode unchecked-hash" in run


def test_the_source_of_pgbouncer_is_verified() -> None:
    text = (IMAGES["pgbouncer"].home / "Dockerfile").read_text()
    version = re.search(r"ARG PGBOUNCER_VERSION=(\S+)", text)
    assert version
    assert version[1] == IMAGES["pgbouncer"].version
    assert tuple(map(int, version[1].split("."))) >= (1, 26, 0), "earlier ones cut tokens off after 2,047 bytes"
    assert re.search(r"ARG PGBOUNCER_SHA256=[0-9a-f]{64}\n", text)
    assert "ADD --checksum=sha256:${PGBOUNCER_SHA256}" in text


def test_airflow_is_the_version_that_the_stack_files_may_name() -> None:
    airflow = IMAGES["airflow"]
    assert airflow.version == airflow.debian.version == versions.AIRFLOW
    assert locked()["apache-airflow"] == versions.AIRFLOW
    assert f"-{versions.AIRFLOW}-python3.13" in arguments(airflow, "FROM")[0]


def test_the_unit_tests_run_against_what_the_image_holds() -> None:
    """A provider that is newer in the image than in the tests is tried by nobody."""
    text = (images_folder().parents[1] / "requirements.lock").read_text()
    tested = dict(re.findall(r"(?m)^([a-z0-9-]+)==([^\s;]+)", text))
    shared = {name for name in locked() if name.startswith(("apache-airflow", "azure-identity", "kubernetes"))}
    both = shared & tested.keys()
    assert len(both) > 5
    assert {name: locked()[name] for name in both} == {name: tested[name] for name in both}


def test_every_package_is_pinned_with_its_digests() -> None:
    text = (images_folder() / "airflow" / "requirements.lock").read_text()
    blocks = re.split(r"(?m)^(?=[a-z0-9-]+(?:\[[a-z,]+\])?==)", text)[1:]
    assert len(blocks) > 200
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_holds_all_that_was_asked_for_and_no_fab() -> None:
    asked = re.findall(r"(?m)^([a-z0-9-]+)", (images_folder() / "airflow" / "requirements.txt").read_text())
    assert set(asked) <= locked().keys()
    assert "apache-airflow-providers-fab" not in locked()


@pytest.mark.parametrize(
    ("given", "started"),
    [
        (["bash", "-c", "exec airflow scheduler"], ["bash", "-c", "exec airflow scheduler"]),
        (["python", "-m", "ariel_runtime.git_mirror"], ["python", "-m", "ariel_runtime.git_mirror"]),
        (
            [*WORKER, "--json-string", '{"a": "b c"}'],
            ["python", "-m", "ariel_runtime.task", "--json-string", '{"a": "b c"}'],
        ),
        (["airflow", "dag-processor"], ["airflow", "dag-processor"]),
        (["triggerer", "--team-name", "a b"], ["airflow", "triggerer", "--team-name", "a b"]),
        ([], ["airflow"]),
    ],
)
def test_the_entry_point_starts_what_chart_and_executor_give(
    given: list[str], started: list[str], tmp_path: Path
) -> None:
    for name in ("airflow", "bash", "python"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" {name} "$@"\n')
        program.chmod(0o755)
    entrypoint = IMAGES["airflow"].home / "entrypoint"
    answer = subprocess.run(
        ["/bin/sh", entrypoint, *given], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == started
