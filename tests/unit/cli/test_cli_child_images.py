"""A team's child images: tags, lock, and what Docker is asked for a real registry. Docker and skopeo are stand-ins."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from ariel_runtime.isolated.images import reference
from typer.testing import CliRunner

from cli import child_images, production_images
from cli.images import images_app
from cli.repository import TenantRepository, repository_at
from sandbox.report import LineReport
from sandbox.rootfs.child import ChildImage, pins, read
from sandbox.rootfs.definition import load
from stacks.errors import MachineError, UsageError
from tests.unit.cli.programs import calls, stand_in

AIRFLOW = load("airflow")
BELOW = production_images.planned(AIRFLOW, Path()).tag
VERSIONS = pins(AIRFLOW)


@pytest.fixture
def repository(tmp_path: Path) -> TenantRepository:
    root = tmp_path / "repository"
    for name, text in {
        "pyproject.toml": '[tool.ariel]\ntenant = "weather"\n',
        "dags/a.py": "",
        "images/legacy/packages.txt": "ruby\npython2.7/bullseye\n",
        "images/legacy/requirements.txt": "humanize==4.9.0\n",
        "environments/plain/requirements.txt": "humanize\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return repository_at(root)


def image_of(repository: TenantRepository) -> ChildImage:
    return child_images.of(repository)["legacy"]


def test_a_tag_says_the_version_of_airflow_and_the_content(repository: TenantRepository) -> None:
    tag = child_images.tag(image_of(repository))
    assert tag.startswith(f"{VERSIONS['apache-airflow']}-")
    (repository.root / "dags" / "a.py").write_text("1")
    assert child_images.tag(image_of(repository)) == tag, "else each commit would ask for another image"


@pytest.mark.parametrize(
    "file", ["images/legacy/packages.txt", "images/legacy/more/of_it", "environments/plain/requirements.txt"]
)
def test_a_tag_never_moves_to_another_content(file: str, repository: TenantRepository) -> None:
    before = child_images.tag(image_of(repository))
    (repository.root / file).parent.mkdir(exist_ok=True)
    (repository.root / file).write_text("perl")
    assert child_images.tag(image_of(repository)) != before


def test_another_image_of_the_platform_makes_another_tag(
    repository: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = child_images.tag(image_of(repository))
    other = production_images.archive_of("airflow", "3.3.3-0123456789ab", Path())
    monkeypatch.setattr(production_images, "planned", lambda image, folder: other)
    assert child_images.tag(image_of(repository)) != before


def test_what_the_lock_holds_is_what_the_dags_ask_for(repository: TenantRepository) -> None:
    images = child_images.of(repository)
    child_images.write_lock(repository.root, images)
    asked = reference("legacy", str(repository.root / "dags" / "a.py"))
    assert asked == f"legacy:{child_images.tag(images['legacy'])}"


def test_a_repository_without_images_is_told_how_one_is_made(repository: TenantRepository) -> None:
    for file in repository.root.glob("images/*/*"):
        file.unlink()
    with pytest.raises(UsageError, match=r"images/<name>/requirements\.txt"):
        child_images.of(repository)


def test_the_dockerfile_adds_to_the_platforms_image_and_ends_as_that(repository: TenantRepository) -> None:
    text = child_images.dockerfile(image_of(repository), AIRFLOW)
    lines = text.splitlines()
    assert lines[0] == "FROM parent"
    assert "apt-get install --yes --no-install-recommends ruby python2.7/bullseye" in lines
    assert "for release in bullseye; do" in lines
    assert "python -m venv /opt/environments/plain" in lines
    assert "RUN --mount=type=bind,target=/build <<'END'" in lines
    assert "RUN --mount=type=bind,from=environments,source=plain,target=/build <<'END'" in lines
    assert lines[-1] == f"ENTRYPOINT {json.dumps(AIRFLOW.entrypoint)}"
    assert [line for line in lines if line.startswith("USER")][-1] == f"USER {AIRFLOW.user.uid}:{AIRFLOW.user.gid}"


def test_a_changed_airflow_is_refused_by_pip_and_once_more_by_the_check(repository: TenantRepository) -> None:
    """A package may bring another one along, and a Dockerfile of the team's may do anything."""
    text = child_images.dockerfile(image_of(repository), AIRFLOW)
    (install,) = [line for line in text.splitlines() if line.startswith("pip install")]
    check = text.splitlines()[-6]
    assert "python -c" in check
    for name, version in VERSIONS.items():
        assert f"{name}=={version}" in install.split()
        assert f'"{name}": "{version}"' in check


def test_a_dockerfile_of_the_teams_comes_first(repository: TenantRepository) -> None:
    own = "FROM parent\nUSER root\nRUN install-a-driver"
    (repository.root / "images" / "legacy" / "Dockerfile").write_text(own + "\n")
    text = child_images.dockerfile(image_of(repository), AIRFLOW)
    assert text.startswith(f"{own}\nARG VERSION")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """az, git, docker, and skopeo with a registry that holds everything that is asked for."""
    folder = tmp_path / "programs"
    folder.mkdir()
    stand_in(folder, "az", """echo '{"accessToken": "a-token"}'""")
    stand_in(folder, "git", "echo 0123")
    stand_in(folder, "skopeo", "echo sha256:1")
    stand_in(
        folder,
        "docker",
        f"""for word in "$@"; do
            case "$word" in
                --output=*) echo made > "${{word#*dest=}}" ;;
                --file=*) cp "${{word#--file=}}" {folder}/Dockerfile ;;
            esac
        done""",
    )
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(production_images, "bill_of_materials", lambda archive: {})
    return folder


def test_docker_builds_on_the_image_that_the_registry_holds(
    repository: TenantRepository, programs: Path, tmp_path: Path
) -> None:
    images = child_images.of(repository)
    archives = child_images.build(images, "crcontoso", tmp_path / "archives", LineReport(StringIO()))
    (fetched,) = calls(programs, "skopeo --override")
    assert f" docker://crcontoso.azurecr.io/ariel/airflow:{BELOW} oci:" in fetched
    (built,) = calls(programs, "docker buildx build")
    assert f":{BELOW} --build-context=environments={repository.root}/environments " in built
    assert "--build-context=parent=oci-layout:///" in built
    assert built.endswith(f" {repository.root}/images/legacy")
    assert (programs / "Dockerfile").read_text() == child_images.dockerfile(images["legacy"], AIRFLOW)
    assert archives["legacy"].file.read_text() == "made\n"
    assert archives["legacy"].file.name == f"weather-legacy-{child_images.tag(images['legacy'])}.tar"


def test_what_is_built_is_not_built_again(repository: TenantRepository, programs: Path, tmp_path: Path) -> None:
    """What was tried in one environment must be what the next one gets, not a second build of it."""
    images, folder = child_images.of(repository), tmp_path / "archives"
    first = child_images.build(images, "crdev", folder, LineReport(StringIO()))
    assert child_images.build(images, "crprod", folder, LineReport(StringIO())) == first
    assert len(calls(programs, "docker buildx build")) == 1
    assert not [call for call in calls(programs, "skopeo") if "crprod" in call]


def test_without_the_platforms_image_in_the_registry_nothing_is_built(
    repository: TenantRepository, programs: Path, tmp_path: Path
) -> None:
    """A checkout that is newer than the environment would make images that its scheduler does not know."""
    stand_in(programs, "skopeo", '[ "$1" = login ] || { echo "manifest unknown" >&2; exit 1; }')
    with pytest.raises(MachineError, match="ariel images push") as failed:
        child_images.build(child_images.of(repository), "crcontoso", tmp_path, LineReport(StringIO()))
    assert BELOW in str(failed.value)
    assert not calls(programs, "docker")


def test_a_token_is_in_no_argument(repository: TenantRepository, programs: Path, tmp_path: Path) -> None:
    child_images.build(child_images.of(repository), "crcontoso", tmp_path / "archives", LineReport(StringIO()))
    assert "a-token" not in (programs / "calls").read_text()


def test_push_outside_of_a_teams_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(images_app, ["build", "--push"])
    assert isinstance(refused.exception, UsageError)
    assert "ariel images push" in str(refused.exception)


def test_the_fitness_repository_can_be_built() -> None:
    root = Path(__file__).parents[2] / "fitness"
    assert set(read(root, "weather")) == {"legacy"}
