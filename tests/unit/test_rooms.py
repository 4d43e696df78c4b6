"""The rooms' arrows point one way, as the architecture's table says."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

ROOMS: Final = {
    "stacks": frozenset[str](),
    "components": frozenset({"stacks"}),
    "infra": frozenset({"components", "stacks"}),
    "sandbox": frozenset({"stacks"}),
    "runtime": frozenset[str](),
    "dags": frozenset({"runtime"}),
    "cli": frozenset({"stacks", "components", "infra", "sandbox", "cli"}),
}
"""Room -> the rooms that it may import."""

PACKAGES: Final = {"ariel_runtime": "runtime"}
"""Package whose name is not its room's."""

PROVIDERS: Final = ("pulumi", "pulumi_azure_native", "pulumi_kubernetes", "pulumi_random")
WITHOUT_PROVIDERS: Final = ("stacks", "runtime", "dags")
MAY_NAME_THE_SANDBOX: Final = ("sandbox", "cli", "tests")


def files(room: str) -> list[Path]:
    return sorted(path for path in (ROOT / room).rglob("*.py") if ".venv" not in path.parts)


def rooms() -> list[str]:
    """Those that exist; later ones join by existing."""
    return [room for room in ROOMS if files(room)]


def imported(path: Path) -> list[tuple[int, str]]:
    """(line, top-level package) of every import in a file, those inside functions too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.partition(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, (node.module or "").partition(".")[0]))
    return found


def offences(room: str, path: Path) -> list[str]:
    allowed = ROOMS[room] | {room}
    return [
        f"{path.relative_to(ROOT)}:{line} imports {package}: {room} may import {sorted(ROOMS[room]) or 'no other room'}"
        for line, package in imported(path)
        if (other := PACKAGES.get(package, package)) in {*ROOMS, "tests"} and other not in allowed
    ]


def test_the_first_rooms_exist() -> None:
    assert {"stacks", "components", "infra", "sandbox", "cli"} <= set(rooms())


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    assert [line for path in files(room) for line in offences(room, path)] == []


@pytest.mark.parametrize("room", [room for room in rooms() if room in WITHOUT_PROVIDERS])
def test_settings_and_runtime_code_know_no_engine(room: str) -> None:
    """Settings that import a provider take seconds to judge, and cannot be judged without the engine."""
    assert [
        f"{path.relative_to(ROOT)}:{line} imports {package}"
        for path in files(room)
        for line, package in imported(path)
        if package in PROVIDERS
    ] == []


def test_settings_need_little_beside_python() -> None:
    """Editors, hooks and pipelines load them many times."""
    needed = {package for path in files("stacks") for _, package in imported(path)}
    assert needed - set(sys.stdlib_module_names) - {"stacks", "pydantic", "pydantic_core", "ruamel"} == set()


@pytest.mark.parametrize("room", [room for room in rooms() if room not in MAY_NAME_THE_SANDBOX])
def test_no_part_of_a_real_deployment_knows_that_a_sandbox_exists(room: str) -> None:
    """A path or a switch for the sandbox would be a difference between what is tried and what is deployed."""
    assert [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files(room)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if any(word in line for word in ("import sandbox", "from sandbox", "sandbox/", "sandbox.", "ARIEL_ARM"))
    ] == []


@pytest.mark.parametrize("room", [*rooms(), "tests"])
def test_every_room_says_what_belongs_in_it(room: str) -> None:
    readme = ROOT / room / "README.md"
    assert readme.is_file(), (
        f"{room}/README.md: missing: say on one screen what belongs here, what does not, how to add one"
    )
    assert 5 <= len(readme.read_text(encoding="utf-8").splitlines()) <= 80


def test_an_import_against_the_arrow_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "stacks").mkdir()
    wrong = tmp_path / "stacks" / "wrong.py"
    wrong.write_text("def late():\n    from components.vault import Vault\n    return Vault\n")
    assert offences("stacks", wrong) == ["stacks/wrong.py:2 imports components: stacks may import no other room"]
