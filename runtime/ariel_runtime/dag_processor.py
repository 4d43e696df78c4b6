"""`python -m ariel_runtime.dag_processor ARGUMENT...`: `airflow dag-processor`, which also tells of early look-ups.

A variable or connection that is looked up while a file is parsed becomes a warning beside each DAG of the file, and a
part of the file's import error, since a file without a DAG has no place for warnings. `[workers] secrets_backend` must
be `ariel_runtime.secrets.parsing.WhileParsing`. The database is not asked for either: its role has no grant on them.

So parsing asks Airflow's Execution API for nothing, and this makes that API when a callback asks it for something.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from functools import cached_property
from itertools import islice
from typing import Final

import attrs
import httpx
from airflow.cli.commands import dag_processor_command
from airflow.dag_processing import manager, processor
from airflow.dag_processing.manager import DagFileProcessorManager
from airflow.dag_processing.processor import DagFileParseRequest, DagFileParsingResult
from airflow.models.dagwarning import DagWarningType
from airflow.sdk.execution_time import secrets as sources
from structlog.typing import FilteringBoundLogger

from ariel_runtime.secrets.parsing import LookUp, noting

_DATABASE: Final = "airflow.sdk.execution_time.secrets.execution_api.ExecutionAPISecretsBackend"
_MOST: Final = 10
"""Look-ups that one warning spells out."""
_TYPE: Final = DagWarningType.RUNTIME_VARYING_VALUE.value
"""Of the types that Airflow takes back once they are no longer said, the one that fits."""
_parse_file: Final = processor._parse_file


class ApiOnDemand(httpx.BaseTransport):
    """The way to Airflow's Execution API in this process, which is made for the first request: it takes 28 MiB."""

    @property
    def transport(self) -> httpx.BaseTransport:
        return self

    @cached_property
    def _made(self) -> httpx.BaseTransport:
        return manager._make_execution_api().transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._made.handle_request(request)


@attrs.define
class LeanManager(DagFileProcessorManager):
    """Airflow's own, but for an API that nobody may ever ask."""

    _api_server: ApiOnDemand = attrs.field(init=False, factory=ApiOnDemand)  # type: ignore[assignment]


def parse(msg: DagFileParseRequest, log: FilteringBoundLogger) -> DagFileParsingResult | None:
    """In the place of Airflow's, in the process of one file. Where that runs callbacks there is no result to add to."""
    with noting(msg.bundle_path) as look_ups:
        result = _parse_file(msg, log)
    return _with_warning(result, _text(look_ups)) if result and look_ups else result


def _with_warning(result: DagFileParsingResult, text: str) -> DagFileParsingResult:
    """Airflow's own warning of the type stays, in the same row: the table has one per DAG and type."""
    said = {(each["dag_id"], each["warning_type"]): each["message"] for each in result.warnings or []}
    for dag in result.serialized_dags:
        key = (dag.dag_id, _TYPE)
        said[key] = f"{said[key]}\n{text}" if key in said else text
    warnings = [{"dag_id": dag, "warning_type": kind, "message": message} for (dag, kind), message in said.items()]
    errors = {file: f"{error}\n{text}" for file, error in (result.import_errors or {}).items()}
    return result.model_copy(update={"warnings": warnings, "import_errors": errors})


def _text(look_ups: Collection[LookUp]) -> str:
    lines = [str(each.problem()) for each in islice(look_ups, _MOST)]
    if len(look_ups) > _MOST:
        lines.append(f"and {len(look_ups) - _MOST} more")
    return "\n".join(lines)


def main() -> None:
    processor._parse_file = parse
    dag_processor_command.DagFileProcessorManager = LeanManager  # type: ignore[misc]  # named there, not a setting
    # A refused question is repeated for seconds, in which the tenant's other files wait.
    sources.DEFAULT_SECRETS_SEARCH_PATH_WORKERS.remove(_DATABASE)

    from airflow.__main__ import main as airflow

    sys.argv[:1] = ["airflow", "dag-processor"]
    sys.exit(airflow())


if __name__ == "__main__":
    main()
