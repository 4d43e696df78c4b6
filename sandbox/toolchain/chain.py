"""Get tools: from PATH if the version fits, else the cache, else the official download, else from source or Debian."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache as remembered
from pathlib import Path

from sandbox.locks import exclusive
from sandbox.report import LineReport, Report
from sandbox.toolchain import cache, debian, gobuild, on_path
from sandbox.toolchain.attempt import AttemptError
from sandbox.toolchain.download import Downloads
from sandbox.toolchain.tool import TOOLS, GoProgram, Tool
from stacks.errors import MachineError, Problem


def ensure(names: Iterable[str], report: Report | None = None) -> dict[str, Path]:
    """The executables of these tools, fetched or built as far as they are missing.

    Raises MachineError with one problem per tool that cannot be had.
    """
    report = report or LineReport()
    tools = [_tool(name) for name in names]
    found = {tool.name: located(tool) for tool in tools}
    missing = [tool for tool in tools if found[tool.name] is None]
    if missing:
        with exclusive(cache.lock(), "another command that fetches tools", report):
            found |= _obtain([tool for tool in missing if cache.cached(tool) is None], report)
            found |= {tool.name: cache.cached(tool) for tool in missing}
    return {name: file for name, file in found.items() if file is not None}


def path(name: str) -> Path:
    """The executable of a tool that is there already. Raises MachineError when it is not."""
    tool = _tool(name)
    file = located(tool)
    if file is None:
        raise MachineError([_problem(tool, ["not fetched yet"], "fetch it: `python -m sandbox.toolchain`")])
    return file


def located(tool: Tool) -> Path | None:
    """The executable on PATH if its version fits, else the one in the cache; None when there is neither."""
    return on_path.fitting(tool) or cache.cached(tool)


def _tool(name: str) -> Tool:
    if name not in TOOLS:
        known = ", ".join(sorted(TOOLS))
        raise MachineError([Problem(path="tool", value=name, rule=f"one of {known}", action="name one of these tools")])
    return TOOLS[name]


def _obtain(missing: Sequence[Tool], report: Report) -> dict[str, Path]:
    failures: dict[str, list[str]] = {tool.name: [_on_path(tool)] for tool in missing}
    obtained: dict[str, Path] = {}
    for tool in missing:
        with _scratch() as folder:
            try:
                obtained[tool.name] = cache.install(tool, _downloads().fetch(tool, Path(folder), report))
            except AttemptError as error:
                failures[tool.name].append(str(error))
    modules: defaultdict[Path, dict[str, GoProgram]] = defaultdict(dict)
    for tool in missing:
        if tool.name in obtained:
            continue
        if isinstance(tool.source, GoProgram):
            modules[tool.source.folder][tool.name] = tool.source
            continue
        with _scratch() as folder:
            try:
                files = debian.unpack(tool.name, tool.source, Path(folder), report)
                obtained[tool.name] = cache.install(tool, files)
            except AttemptError as error:
                failures[tool.name].append(str(error))
    if modules:
        report.say("Not every tool can be downloaded here; building from source, which takes minutes, once")
    for programs in modules.values():
        with _scratch() as folder:
            try:
                built = gobuild.build(programs, Path(folder), report)
            except AttemptError as error:
                for name in programs:
                    failures[name].append(str(error))
                continue
            for name in programs:
                obtained[name] = cache.install(_tool(name), {name: built[name]})
    if lost := [tool for tool in missing if tool.name not in obtained]:
        raise MachineError([_problem(tool, failures[tool.name], _action(tool)) for tool in lost])
    return obtained


def _action(tool: Tool) -> str:
    if isinstance(tool.source, GoProgram):
        install = f"install Go {gobuild.MINIMUM_GO} or newer (https://go.dev/doc/install)"
    else:
        install = f"install it (Debian, Ubuntu: `sudo apt install {tool.source.names[0]}`)"
    return f"{install}, or let this machine reach the download, or put the tool on PATH; then run the command again"


def _problem(tool: Tool, tried: Sequence[str], action: str) -> Problem:
    return Problem(
        path=f"tool {tool.name}",
        value="; ".join(tried),
        rule=f"{tool.accepted} on PATH, or from its publisher, its Go module or Debian",
        action=action,
    )


def _on_path(tool: Tool) -> str:
    finding = on_path.look(tool)
    if finding.file is None:
        return "PATH: none"
    return f"PATH: {finding.file} is {finding.version or 'of no released version'}"


def _scratch() -> tempfile.TemporaryDirectory[str]:
    # In the cache, so that installing is a rename and a small /tmp does not matter.
    cache.folder().mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".work-", dir=cache.folder())


@remembered
def _downloads() -> Downloads:
    """One per process: which hosts cannot be reached is remembered no longer, since networks change."""
    return Downloads()
