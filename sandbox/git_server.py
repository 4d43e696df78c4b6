"""The git host of the sandbox: bare repositories in a folder, served over smart HTTP, for reading only.

Owns the repositories and the web application; the process, its certificate and the host name are the caller's. The
protocol is git's own `git http-backend` (CGI, RFC 3875); a change comes by `publish` from a folder of this checkout.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from stacks.errors import MachineError, Problem

BRANCH: Final = "main"

_SETTINGS: Final = {
    "http.receivepack": "false",
    # The person's own ignore files must not decide what a tenant's repository holds.
    "core.excludesFile": "/dev/null",
    "core.autocrlf": "false",
}
_IGNORED: Final = "__pycache__/\n"
_AUTHOR: Final = {"NAME": "ariel sandbox", "EMAIL": "sandbox@ariel.invalid"}
_CHUNK_BYTES: Final = 64 * 1024
_HEADER_BYTES: Final = 16 * 1024


def publish(folder: Path, url_path: str, source: Path, branch: str = BRANCH) -> str:
    """Bring the repository at `url_path` (`weather/dags.git`) to the content of `source`; returns the commit's id.

    Changed content becomes one commit on `branch`; the same content makes none. Raises MachineError where git fails.
    """
    repository = folder / url_path
    if not repository.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{url_path} leads out of the folder of repositories")
    if not (repository / "HEAD").exists():
        repository.mkdir(parents=True, exist_ok=True)
        _git(repository, "init", "--quiet", "--bare", f"--initial-branch={branch}", "--template=")
    (repository / "info").mkdir(exist_ok=True)
    (repository / "info" / "exclude").write_text(_IGNORED)
    tree = _tree(repository, source)
    head = _git(repository, "rev-parse", "--quiet", "--verify", f"refs/heads/{branch}", absent="")
    if head and _git(repository, "rev-parse", f"{head}^{{tree}}") == tree:
        return head
    parents = ["-p", head] if head else []
    commit = _git(repository, "commit-tree", tree, *parents, "-m", f"Publish {source.name}")
    # The old value is compared: of two writers at one time, the later one fails instead of losing a commit.
    _git(repository, "update-ref", f"refs/heads/{branch}", commit, head or "0" * len(commit))
    return commit


def app(folder: Path) -> Starlette:
    """Serves every repository below `folder` at its path."""
    backend = _Backend(folder)
    return Starlette(routes=[Route("/{path:path}", backend.answer, methods=["GET", "POST"])])


class _Backend:
    """One `git http-backend` per request."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    async def answer(self, request: Request) -> Response:
        if not (self._folder / request.path_params["path"]).resolve().is_relative_to(self._folder):
            return PlainTextResponse("no such repository", 404)
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            env=_environment() | self._variables(request),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=_HEADER_BYTES,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        sending = asyncio.create_task(_send(request, process.stdin))
        try:
            head = await process.stdout.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _end(process, sending)
            return PlainTextResponse("git http-backend gave no answer", 500)
        status, headers = _parse(head)
        return StreamingResponse(_receive(process, sending), status, headers)

    def _variables(self, request: Request) -> dict[str, str]:
        """The request as CGI says it. Without CONTENT_LENGTH (a chunked body) git reads to the end."""
        given = {
            "CONTENT_TYPE": request.headers.get("content-type"),
            "CONTENT_LENGTH": request.headers.get("content-length"),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding"),
            "GIT_PROTOCOL": request.headers.get("git-protocol"),
        }
        return {
            "GIT_PROJECT_ROOT": str(self._folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": request.method,
            "PATH_INFO": f"/{request.path_params['path']}",
            "QUERY_STRING": request.url.query,
            **{name: value for name, value in given.items() if value is not None},
        }


async def _send(request: Request, stdin: asyncio.StreamWriter) -> None:
    """Hands the body over; a client that left, or a git that has read enough, ends it."""
    with suppress(ClientDisconnect, ConnectionError):
        async for chunk in request.stream():
            stdin.write(chunk)
            await stdin.drain()
    stdin.close()


async def _receive(process: asyncio.subprocess.Process, sending: asyncio.Task[None]) -> AsyncIterator[bytes]:
    assert process.stdout is not None
    try:
        while chunk := await process.stdout.read(_CHUNK_BYTES):
            yield chunk
    finally:
        await _end(process, sending)


async def _end(process: asyncio.subprocess.Process, sending: asyncio.Task[None]) -> None:
    """Leaves no process behind, also when the client has left in the middle."""
    sending.cancel()
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _parse(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of a CGI answer; without a `Status` line it is 200."""
    lines = head.decode("latin-1").strip().splitlines()
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(headers.pop("status", "200").split()[0]), headers


def _tree(repository: Path, source: Path) -> str:
    """Writes the content of `source` into the repository; the id of its tree."""
    with tempfile.TemporaryDirectory() as scratch:
        place = {"GIT_INDEX_FILE": str(Path(scratch, "index")), "GIT_WORK_TREE": str(source.absolute())}
        _git(repository, "-C", str(source.absolute()), "add", "--all", ".", more=place)
        return _git(repository, "write-tree", more=place)


def _environment() -> dict[str, str]:
    """Neither the person's nor the machine's settings of git."""
    settings: dict[str, str] = {"GIT_CONFIG_COUNT": str(len(_SETTINGS))}
    for index, (key, value) in enumerate(_SETTINGS.items()):
        settings |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _AUTHOR.items()}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        **settings,
        **identity,
    }


def _git(repository: Path, *arguments: str, absent: str | None = None, more: Mapping[str, str] | None = None) -> str:
    """Its output. `absent` is the answer to a question that git answers with no; without it a no is a failure."""
    environment = _environment() | {"GIT_DIR": str(repository.absolute())} | dict(more or {})
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MachineError([_problem("git", "not on PATH", "install it: apt install git")]) from None
    if done.returncode == 0:
        return done.stdout.strip()
    if absent is not None:
        return absent
    said = f"git {' '.join(arguments)}: {done.stderr.strip()}"
    raise MachineError([_problem(str(repository), said, "mend what git names; a removed repository is made anew")])


def _problem(path: str, value: str, action: str) -> Problem:
    return Problem(path=path, value=value, rule="the sandbox's git host keeps repositories with git", action=action)
