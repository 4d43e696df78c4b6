"""The image's Python on this machine: made once, of the image's lock, and refused with what to do."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from io import StringIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from ruamel.yaml import YAML

from cli import image_python
from sandbox.report import LineReport
from sandbox.rootfs.definition import load
from stacks.errors import MachineError

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
ROOT = Path(__file__).parents[3]


def wheel(folder: Path, name: str, files: dict[str, str]) -> Path:
    """As an index would give it: nothing here asks one."""
    info = f"{name}-1.dist-info"
    made = folder / f"{name}-1-py3-none-any.whl"
    with ZipFile(made, "w") as archive:
        for file, text in {
            **files,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": "",
        }.items():
            archive.writestr(file, text)
    return made


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of one package, and small ones in the places of it and of ariel's runtime; Airflow's take minutes."""
    package = tmp_path / "package"
    package.mkdir()
    own = wheel(package, "ariel_runtime", {"ariel_runtime/checks/__main__.py": "import pinned"})
    (package / "backend.py").write_text(
        f"import shutil\ndef build_editable(to, *_):\n    shutil.copy({str(own)!r}, to)\n    return {own.name!r}\n"
    )
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "ariel-runtime"\nversion = "1"\n'
    )
    given = wheel(tmp_path, "pinned", {"pinned.py": "PLACE = __file__"})
    digest = hashlib.sha256(given.read_bytes()).hexdigest()
    made = tmp_path / "requirements.lock"
    made.write_text(f"pinned @ {given.as_uri()} --hash=sha256:{digest}\n")
    monkeypatch.setattr(image_python, "_inputs", lambda: (made, package))
    monkeypatch.setenv("ARIEL_CACHE", str(tmp_path / "cache"))
    return made


def ensure(version: str = HERE) -> Path:
    return image_python.ensure(LineReport(StringIO()), version)


def test_its_packages_are_those_of_the_lock_and_none_of_ariels_own(lock: Path) -> None:
    """What only ariel's own environment has would pass here and fail in production."""
    program = "import pinned, sys; print(sys.version_info[:2], pinned.PLACE); import pulumi"
    done = subprocess.run([ensure(), "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"{sys.version_info[:2]} {ensure().parents[1]}")
    assert "No module named 'pulumi'" in done.stderr


def test_it_is_made_once_for_a_lock(lock: Path) -> None:
    first = ensure()
    (first.parent / "mark").touch()
    assert (ensure().parent / "mark").exists()
    lock.write_text(f"{lock.read_text()}# another\n")
    assert ensure() != first, "the check would go on with the packages of the former image"


def test_what_another_digest_has_is_not_installed_and_nothing_half_made_stays(lock: Path, tmp_path: Path) -> None:
    lock.write_text(f"{lock.read_text().partition('sha256:')[0]}sha256:{'0' * 64}\n")
    with pytest.raises(MachineError, match="package index"):
        ensure()
    assert [path.name for path in (tmp_path / "cache" / "pythons").iterdir()] == ["lock"]


def test_without_such_a_python_the_message_says_how_one_is_had(lock: Path, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"uv python install 3\.99"):
        ensure("3.99")
    assert not (tmp_path / "cache").exists()


def test_the_template_checks_with_the_python_of_the_image() -> None:
    """Else a pull request would be judged by another language than production's."""
    workflow = YAML().load((ROOT / "dags/starter/.github/workflows/check.yml").read_text())
    (setup,) = (step for step in workflow["jobs"]["presubmit"]["steps"] if "setup-python" in step.get("uses", ""))
    assert setup["with"]["python-version"] == image_python.VERSION
    assert f"-python{image_python.VERSION}\n" in (load("airflow").home / "Dockerfile").read_text()
