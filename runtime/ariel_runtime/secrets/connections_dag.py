"""The DAG `<slug>.connections`, which a team's repository holds by one call: what the page `/ariel/secrets/` shows.

    \"\"\"What Airflow's page of secrets shows of this team.\"\"\"
    from ariel_runtime.secrets.connections_dag import connections_dag
    connections_dag("weather")

Its tasks run as all of the team's do: they see what those see, and what they may not, the page is not told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from airflow.sdk import Connection, dag, get_current_context, task

from ariel_runtime.secrets.names import PLATFORM_CONNECTIONS, Kind
from ariel_runtime.secrets.report import ASKED, DAG, LONGEST_TEXT, REPORT, TESTS, Report, Tested

_PREFIXES: Final = {"AIRFLOW_CONN_": Kind.CONNECTION, "AIRFLOW_VAR_": Kind.VARIABLE}
_TIMEOUT: Final = timedelta(minutes=5)


def connections_dag(slug: str) -> None:
    """Call it at the top level of a file in the folder of DAGs."""

    @dag(dag_id=f"{slug}{DAG}", schedule=None, is_paused_upon_creation=False, tags=["secrets"])
    def build() -> None:
        @task(task_id=REPORT, execution_timeout=_TIMEOUT)
        def report() -> dict[str, Any]:
            instance: Any = get_current_context()["ti"]
            bundle = instance.bundle_instance
            revision = bundle.get_current_version().version
            found = read_repository(Path(bundle.repo_path), Path(bundle.path), revision)
            return found.model_dump(mode="json")

        @task(task_id=TESTS, execution_timeout=_TIMEOUT)
        def test() -> list[dict[str, Any]]:
            asked = (get_current_context()["dag_run"].conf or {}).get(ASKED, [])
            return [try_connection(conn_id).model_dump(mode="json") for conn_id in asked]

        report()
        test()

    build()


def read_repository(root: Path, dags: Path, revision: str) -> Report:
    """Of a checkout; imports its DAG files. Raises RefusedError for a file of connections or variables."""
    from ariel_runtime.checks.needs import needs
    from ariel_runtime.environment import ENVIRONMENT
    from ariel_runtime.secrets.repository_files import read

    files, found = read(root, os.environ[ENVIRONMENT]), needs(root, dags)
    for each in (*found["unknown"], *found["broken"]):
        # The end of a traceback says most.
        each["text"] = each["text"].strip()[-LONGEST_TEXT:]
    return Report.model_validate(
        {
            **found,
            "revision": revision,
            "connections": files.connections,
            "groups": files.groups,
            "variables": sorted(files.variables),
            "environment": sorted(given_by(os.environ)),
        }
    )


def given_by(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Kind and id of the connections and variables in Airflow's environment variables, without the platform's."""
    for name in environment:
        for prefix, kind in _PREFIXES.items():
            if name.startswith(prefix) and (found := name.removeprefix(prefix).lower()) not in PLATFORM_CONNECTIONS:
                yield str(kind), found


def try_connection(conn_id: str) -> Tested:
    """Whether the connection's hook reaches what it names, as this pod; never raises, and tells no secret."""
    from airflow.sdk.log import redact

    type_, host = "", ""
    try:
        connection = Connection.get(conn_id)
        type_, host = connection.conn_type or "", connection.host or ""
        ok, said = connection.test_connection()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the result of the test
        ok, said = False, f"{type(error).__name__}: {error}"
    host, text = (str(redact(each))[:LONGEST_TEXT] for each in (host, str(said)))
    return Tested(id=conn_id, type=type_, host=host, ok=bool(ok), text=text, when=datetime.now(UTC))
