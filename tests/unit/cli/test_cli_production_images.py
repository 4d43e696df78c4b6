"""Images for a real registry: their names, and what is done with credentials. Docker and skopeo are stand-ins."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from cli.production_images import bill_of_materials, build, planned, push
from sandbox.report import LineReport
from sandbox.rootfs.definition import load, load_all
from stacks.errors import MachineError
from tests.unit.cli.programs import calls, stand_in

TOKEN = "a-token-of-the-registry"  # noqa: S105 - of nobody


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for az, and for skopeo with a registry that keeps what is copied to it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    stand_in(folder, "az", f'echo \'{{"accessToken": "{TOKEN}"}}\'')
    stand_in(
        folder,
        "skopeo",
        f"""case "$1" in
            login) cat > {folder}/password ;;
            copy) touch {folder}/held ;;
            inspect) [ -e {folder}/held ] && echo sha256:1 || {{ echo "manifest unknown" >&2; exit 1; }} ;;
        esac""",
    )
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_a_tag_says_version_and_content() -> None:
    for image in load_all().values():
        tag = planned(image, Path()).tag
        assert tag.startswith(f"{image.version}-")
        assert tag == planned(image, Path("elsewhere")).tag


def test_a_push_pins_what_the_registry_holds(programs: Path, tmp_path: Path) -> None:
    archive = planned(load("pgbouncer"), tmp_path)
    pin = push(archive, "crcontoso", "ariel/pgbouncer", LineReport(StringIO()))
    assert (pin.repository, pin.tag, pin.digest) == ("ariel/pgbouncer", archive.tag, "sha256:1")
    (copied,) = calls(programs, "skopeo copy")
    assert copied.endswith(f"oci-archive:{archive.file} docker://crcontoso.azurecr.io/ariel/pgbouncer:{archive.tag}")
    assert "--preserve-digests" in copied, "else each environment would run another digest than the one that was tried"


def test_a_tag_that_is_there_is_not_moved(programs: Path, tmp_path: Path) -> None:
    (programs / "held").touch()
    push(planned(load("pgbouncer"), tmp_path), "crcontoso", "ariel/pgbouncer", LineReport(StringIO()))
    assert not calls(programs, "skopeo copy")


def test_a_token_is_in_no_argument_and_in_no_message(programs: Path, tmp_path: Path) -> None:
    """Arguments are read by every user of the machine, messages by every reader of a pipeline's log."""
    stand_in(programs, "skopeo", 'cat > /dev/null; echo "refused" >&2; exit 1')
    with pytest.raises(MachineError) as failed:
        push(planned(load("pgbouncer"), tmp_path), "crcontoso", "ariel/pgbouncer", LineReport(StringIO()))
    assert "refused" in str(failed.value)
    assert TOKEN not in str(failed.value)
    assert TOKEN not in "\n".join(calls(programs))


def test_the_token_reaches_the_registry(programs: Path, tmp_path: Path) -> None:
    push(planned(load("pgbouncer"), tmp_path), "crcontoso", "ariel/pgbouncer", LineReport(StringIO()))
    assert (programs / "password").read_text() == TOKEN


def test_a_registry_that_fails_is_not_taken_for_an_empty_one(programs: Path, tmp_path: Path) -> None:
    stand_in(programs, "skopeo", '[ "$1" = login ] || { echo "503 Service Unavailable" >&2; exit 1; }')
    with pytest.raises(MachineError, match="503"):
        push(planned(load("pgbouncer"), tmp_path), "crcontoso", "ariel/pgbouncer", LineReport(StringIO()))


def test_without_docker_the_message_says_where_it_is_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    stand_in(folder, "git", "echo 0123")
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(MachineError) as failed:
        build(load("pgbouncer"), tmp_path / "images", LineReport(StringIO()))
    (problem,) = failed.value.problems
    assert (problem.path, problem.value) == ("docker", "not on PATH")
    assert "https://" in problem.action


def archived(tmp_path: Path, predicates: dict[str, Any]) -> Path:
    """An archive as BuildKit writes it: an index of the image and of its attestations."""
    blobs: dict[str, bytes] = {}

    def kept(document: Any) -> dict[str, Any]:
        content = json.dumps(document).encode()
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}"}

    layers = [
        {**kept({"predicate": predicate}), "annotations": {"in-toto.io/predicate-type": kind}}
        for kind, predicate in predicates.items()
    ]
    attestation = {
        **kept({"layers": layers}),
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }
    blobs["index.json"] = json.dumps({"manifests": [kept({"manifests": [kept({"layers": []}), attestation]})]}).encode()
    file = tmp_path / "image.tar"
    with tarfile.open(file, "w") as opened:
        for name, content in blobs.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return file


def test_an_image_is_built_once_with_its_bill_of_materials(programs: Path, tmp_path: Path) -> None:
    """What was tried in one environment must be what the next one gets, not a second build of it."""
    made = archived(tmp_path, {"https://spdx.dev/Document": {"spdxVersion": "SPDX-2.3"}})
    stand_in(programs, "git", "echo 0123")
    stand_in(
        programs,
        "docker",
        f"""for word in "$@"; do
            case "$word" in --output=*) cp {made} "${{word#*dest=}}" ;; esac
        done""",
    )
    folder = tmp_path / "images"
    first = build(load("pgbouncer"), folder, LineReport(StringIO()))
    assert build(load("pgbouncer"), folder, LineReport(StringIO())) == first
    assert sorted(folder.iterdir()) == [first.bill_of_materials, first.file]
    assert json.loads(first.bill_of_materials.read_text()) == {"spdxVersion": "SPDX-2.3"}
    (command,) = calls(programs, "docker buildx build")
    assert f"--build-arg=VERSION={first.tag} --build-arg=REVISION=0123" in command
    assert "--sbom=true" in command


def test_the_bill_of_materials_is_the_one_that_the_build_attached(tmp_path: Path) -> None:
    document = {"spdxVersion": "SPDX-2.3"}
    file = archived(tmp_path, {"https://slsa.dev/provenance/v1": {}, "https://spdx.dev/Document": document})
    assert bill_of_materials(file) == document


def test_an_image_without_a_bill_of_materials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="SPDX"):
        bill_of_materials(archived(tmp_path, {"https://slsa.dev/provenance/v1": {}}))
