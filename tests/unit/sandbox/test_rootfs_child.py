"""What a team's repository says of its child images, and what of it is refused before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.rootfs import child_layers, recipes
from sandbox.rootfs.child import ChildImage, pins, read
from sandbox.rootfs.definition import load
from sandbox.rootfs.images import BuiltImage
from stacks.errors import UsageError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIEL_CACHE", str(tmp_path / "cache"))


def repository(tmp_path: Path, **files: str) -> Path:
    """`images__legacy__packages` is the file images/legacy/packages.txt."""
    root = tmp_path / "repository"
    for name, text in files.items():
        file = root / f"{name.replace('__', '/', 2)}{'' if name.endswith('Dockerfile') else '.txt'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def the_image(root: Path) -> ChildImage:
    (image,) = read(root, "weather").values()
    return image


def test_an_image_has_its_packages_and_every_interpreter(tmp_path: Path) -> None:
    root = repository(
        tmp_path,
        images__legacy__packages="# for the station\nruby\npython2.7/bullseye  # old\n\n",
        images__notes__readme="no image",
        environments__plain__requirements="humanize==4.9.0",
    )
    image = the_image(root)
    assert (image.name, image.repository) == ("legacy", "weather/legacy")
    assert image.packages == ("ruby", "python2.7/bullseye")
    assert image.interpreters == {"plain": root / "environments" / "plain"}
    assert image.requirements is None


@pytest.mark.parametrize(
    "line", ["apache-airflow==3.1.0", "Apache_Airflow<3", "apache-airflow[statsd]==2.11.0", "apache-airflow-core>4"]
)
def test_another_airflow_is_refused(line: str, tmp_path: Path) -> None:
    """The scheduler would hand its tasks to a version that does not know what they are told."""
    root = repository(tmp_path, images__legacy__requirements=f"{line}  # new\n")
    with pytest.raises(UsageError, match=r"images/legacy/requirements\.txt") as refused:
        read(root, "weather")
    (problem,) = refused.value.problems
    assert problem.value == line
    assert "the platform's" in problem.rule


@pytest.mark.parametrize(
    "line",
    [
        f"apache-airflow=={pins(load('airflow'))['apache-airflow']}",
        "apache-airflow>=3",
        "apache-airflow-providers-postgres==5.14.0",
        "--extra-index-url https://example.org",
        "-r more.txt",
    ],
)
def test_what_leaves_airflow_as_it_is_is_taken(line: str, tmp_path: Path) -> None:
    assert the_image(repository(tmp_path, images__legacy__requirements=line)).requirements


@pytest.mark.parametrize("line", ["-o Dir::Etc=/x", "ruby; rm", "ruby/$(id)", "ruby python", "Ruby"])
def test_what_is_no_package_is_refused_and_not_run(line: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"images/legacy/packages\.txt"):
        read(repository(tmp_path, images__legacy__packages=line), "weather")


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    root = repository(
        tmp_path,
        images__Legacy__packages="Ruby",
        environments___x__requirements="",
        images__other__requirements="apache-airflow<3",
    )
    with pytest.raises(UsageError) as refused:
        read(root, "weather")
    assert len(refused.value.problems) == 4


def test_the_layers_hang_on_the_platforms_and_hold_airflow_as_it_is(tmp_path: Path) -> None:
    root = repository(
        tmp_path,
        images__legacy__packages="ruby",
        images__legacy__requirements="humanize",
        environments__plain__requirements="",
    )
    airflow = load("airflow")
    below = recipes.layers(airflow)
    top = child_layers.layers(the_image(root), airflow, below)
    names = [layer.name for layer in top.stack()]
    assert names == ["weather-legacy", "weather-legacy-system", *(layer.name for layer in below.stack())]
    for name, version in pins(airflow).items():
        assert f"{name}=={version}" in top.script
    assert "/opt/environments/plain" in top.script


def test_a_dockerfile_is_refused_where_there_is_no_docker(tmp_path: Path) -> None:
    root = repository(tmp_path, images__legacy__Dockerfile="FROM parent")
    airflow = load("airflow")
    with pytest.raises(UsageError, match="--live"):
        child_layers.layers(the_image(root), airflow, recipes.layers(airflow))


def test_what_is_unchanged_is_the_same_image_and_an_edit_is_another(tmp_path: Path) -> None:
    root = repository(tmp_path, images__legacy__requirements="humanize", environments__plain__requirements="")
    airflow = load("airflow")

    def key() -> str:
        return child_layers.layers(the_image(root), airflow, recipes.layers(airflow)).key

    keys = [key(), key()]
    for edit in (
        {"images__legacy__requirements": "humanize==4.9.0"},
        {"images__legacy__packages": "ruby"},
        {"environments__plain__requirements": "humanize"},
    ):
        repository(tmp_path, **edit)
        keys.append(key())
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


def test_a_node_is_given_what_lies_below_an_image_first() -> None:
    """The archive of the image lacks those layers."""

    def built(name: str, foundation: BuiltImage | None = None) -> BuiltImage:
        return BuiltImage(name=name, repository=name, version_tag="1", archive=Path(name), foundation=foundation)

    child = built("child", built("airflow", built("foundation")))
    assert [part.name for part in child.parts()] == ["foundation", "airflow", "child"]
