"""A team's small repository, and `ariel` in it as a person calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from cli import laptop_database

PATIENCE: Final = 300.0
ARIEL: Final = (sys.executable, "-c", "import sys; from cli.app import run; sys.exit(run())")

_OPERATOR: Final = """
from airflow.sdk import BaseOperator


class GreetOperator(BaseOperator):
    template_fields = ("name",)

    def __init__(self, *, name, **more):
        super().__init__(**more)
        self.name = name

    def execute(self, context):
        return f"hello {self.name}"
"""
_DAG: Final = """
from airflow.sdk import Connection, Variable, dag, task
from ariel_runtime import secrets
from operators.greet import GreetOperator


@dag(dag_id="weather.first", schedule=None)
def first():
    @task
    def load(greeting, **context):
        assert Connection.get("warehouse").host == "db.example"
        assert Variable.get("city") == "Bern"
        print("the token is", secrets.get("token"))
        print("greeted:", greeting)
        if context["dag_run"].conf.get("fail"):
            raise RuntimeError("as asked")
        return greeting

    load(GreetOperator(task_id="greet", name="{{ dag_run.conf.get('who', 'all') }} in {{ var.value.city }}").output)


first()
"""
TOKEN: Final = "hunter2-of-this-laptop"  # noqa: S105


def make(root: Path) -> Path:
    """With a DAG that needs an operator of the repository and three secrets, which the laptop has."""
    files = {
        "pyproject.toml": '[tool.ariel]\ntenant = "weather"\n',
        ".airflowignore": "operators/\n",
        "dags/first.py": _DAG,
        "operators/greet.py": _OPERATOR,
        "variables.yaml": "city: Bern\n",
        ".ariel/secrets/connections.yaml": "warehouse: postgres://me:pass-word@db.example:5432/trips\n",
        ".ariel/secrets/secrets.yaml": f"token: {TOKEN}\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def ariel(root: Path, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    command = [*ARIEL, *arguments]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


class Dev:
    """An `ariel dev` that runs, and its API."""

    def __init__(self, root: Path, **more: Any) -> None:
        self.root = root
        self.process = ariel(root, "dev", **more)
        self._lines: list[str] = []
        for stream in (self.process.stdout, self.process.stderr):
            threading.Thread(target=self._listen, args=(stream,), daemon=True).start()
        try:
            self.until(lambda: "open Airflow" in self.said)
            self.address = self.said.partition("open Airflow")[2].split()[0]
            self.client = httpx.Client(base_url=self.address, trust_env=False, timeout=60)
            token = self.client.get("/auth/token").json()["access_token"]
            self.client.headers["Authorization"] = f"Bearer {token}"
        except BaseException:
            self.end()
            raise

    def _listen(self, stream: Any) -> None:
        for line in stream:
            self._lines.append(line)

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.3)

    def get(self, path: str) -> dict[str, Any]:
        return dict(self.client.get(f"/api/v2/{path}").raise_for_status().json())

    def dags(self) -> dict[str, dict[str, Any]]:
        return {each["dag_id"]: each for each in self.get("dags")["dags"]}

    def sessions(self) -> list[int]:
        """One for each part of Airflow, and at first one for what looks for missing secrets."""
        return [int(pid) for pid in json.loads((self.root / ".ariel" / "dev" / "running.json").read_text())]

    def processes(self) -> list[psutil.Process]:
        """All that it has started; PostgreSQL by the folder of its data."""
        sessions, data = self.sessions(), str(self.root / ".ariel" / "dev" / "postgres")
        found = [each for each in psutil.process_iter(["cmdline"]) if _session(each.pid) in sessions]
        servers = [each for each in psutil.process_iter(["cmdline"]) if data in (each.info["cmdline"] or ())]
        return [*found, *servers, *(child for each in servers for child in each.children())]

    def end(self) -> None:
        """However it stands."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE) == 0, self.said


def has_server() -> bool:
    """Whether a private PostgreSQL can be had here: without one it is SQLite, as documented."""
    return laptop_database._programs() is not None and laptop_database._as_an_ordinary_user() is not None


def running(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Without what has ended and waits for its new parent to notice."""
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
