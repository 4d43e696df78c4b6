"""A team's small repository, and `ariel` in it as a person calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

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
