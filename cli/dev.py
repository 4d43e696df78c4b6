"""`ariel dev`: a real Airflow on this laptop for the repository of the current folder, until Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Final

import httpx
from rich.text import Text

from cli import console, laptop
from cli.laptop_database import database
from cli.laptop_processes import Processes, start_airflow
from cli.repository import TenantRepository, repository_at
from stacks.errors import ArielError, Problem, UsageError

_POLL_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 10.0


def dev_command() -> None:
    """Run Airflow here for this repository: all DAGs paused, an edit shows within seconds. Ctrl-C stops all of it."""
    repository = repository_at(Path.cwd())
    stopped = Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stopped.set())
    with _alone(repository):
        processes = Processes(laptop.home(repository))
        processes.end_leftovers()
        try:
            with database(repository) as url:
                try:
                    _run(repository, processes, url, stopped)
                finally:
                    console.err.print("stopping")
                    processes.stop()
        finally:
            console.err.print("stopped; runs and settings stay in .ariel/dev")


def is_running(repository: TenantRepository) -> bool:
    """Whether an `ariel dev` works in this checkout."""
    try:
        with _alone(repository):
            return False
    except UsageError:
        return True


@contextmanager
def _alone(repository: TenantRepository) -> Iterator[None]:
    """Raises UsageError while another process is in here; the lock ends with its process, however that ends."""
    with (laptop.home(repository) / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            value = f"runs already at {_address(repository)}"
            rule, action = "one `ariel dev` in a checkout", "use that one, or stop it by Ctrl-C where it runs"
            problem = Problem(path=str(repository.root), value=value, rule=rule, action=action)
            raise UsageError([problem]) from None
        yield


def _run(repository: TenantRepository, processes: Processes, url: str, stopped: Event) -> None:
    started = time.monotonic()
    environment = laptop.environment(repository, url)
    console.err.print(f"starting Airflow for {repository.tenant} on {url.partition(':')[0]}", markup=False)
    processes.start("database", laptop.module("prepare"), environment, repository.root)
    processes.finish("database", stopped)
    if stopped.is_set():
        return
    start_airflow(processes, environment, repository.root)
    with httpx.Client(base_url=_address(repository), timeout=_ANSWER_SECONDS, trust_env=False) as client:
        while not _answers(client):
            processes.require_running()
            if stopped.wait(0.5):
                return
        console.out.print(_next_steps(repository, time.monotonic() - started), markup=False)
        _tell_missing(repository, processes, stopped)
        shown: dict[str, str] = {}
        while not stopped.wait(_POLL_SECONDS):
            processes.require_running()
            with suppress(httpx.HTTPError):
                shown = _tell_errors(_import_errors(client), shown)


def _address(repository: TenantRepository) -> str:
    return f"http://127.0.0.1:{laptop.port(repository)}"


def _answers(client: httpx.Client) -> bool:
    """Whether the UI is there."""
    try:
        return client.get("/").is_success
    except httpx.HTTPError:
        return False


def _import_errors(client: httpx.Client) -> dict[str, str]:
    """File -> why it is broken."""
    token = client.get("/auth/token").raise_for_status().json()["access_token"]
    answer = client.get("/api/v2/importErrors", headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    return {each["filename"]: each["stack_trace"].strip() for each in answer.json()["import_errors"]}


def _tell_errors(found: dict[str, str], shown: dict[str, str]) -> dict[str, str]:
    """What has changed since; returns what is known now."""
    for file, text in found.items():
        if shown.get(file) != text:
            console.err.print(Text.assemble(("broken ", "bold red"), f"{file}\n{text}"))
    for file in shown.keys() - found.keys():
        console.err.print(Text.assemble(("mended ", "bold green"), file))
    return found


def _tell_missing(repository: TenantRepository, processes: Processes, stopped: Event) -> None:
    """Writes down where the DAGs' secrets are to be filled in. What fails here keeps nobody from work."""
    folder, file = laptop.secrets_folder(repository), laptop.home(repository) / "missing.json"
    command = laptop.module("missing", str(repository.root), str(repository.dags), str(folder))
    environment = laptop.environment(repository, laptop.one_process_database(repository))
    try:
        processes.start("missing", command, environment, repository.root, output=file)
        processes.finish("missing", stopped)
    except ArielError as error:
        console.show_error(error)
        return
    if stopped.is_set():
        return
    found = json.loads(file.read_text(encoding="utf-8"))
    rows = [(each["kind"], each["id"], ", ".join(each["places"]), Path(each["file"]).name) for each in found["missing"]]
    if rows:
        title = f"to be filled in before the DAGs find it, in {folder}"
        console.err.print(console.table(title, ("kind", "id", "named in", "file"), rows))


def _next_steps(repository: TenantRepository, seconds: float) -> str:
    steps = {
        "open Airflow": _address(repository),
        "run a DAG here": "unpause it there, or `ariel dags run DAG` in one process",
        "parse all now": "ariel dags reload",
        "Airflow's own": "ariel airflow dags list",
        "stop": "Ctrl-C",
    }
    head = f"Airflow for {repository.tenant} answers after {seconds:.0f} s; all DAGs are paused"
    return "\n".join([head, *(f"  {what:<16}  {how}" for what, how in steps.items())])
