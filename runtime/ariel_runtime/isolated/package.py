"""What an interpreter is sent: a script, and beside it one JSON document with all that it may know.

    args, kwargs    of the function
    context         the plain part of Airflow's context: texts, numbers and what is made of them
    connections     {id: {conn_type, host, login, password, port, schema, extra, uri}}, those that were named
    variables       {key: text}, those that were named
    root            folder of the repository at the run's commit

The interpreter finds the document's file in ARIEL_INPUT and writes its result, JSON, to the file in ARIEL_RESULT.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from airflow.sdk import Connection, Variable

from ariel_runtime.isolated.process import INPUT, RESULT
from ariel_runtime.refusal import Problem, RefusedError

_PLAIN: Final = (
    *("ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz", "run_id", "task_instance_key_str"),
    *("logical_date", "data_interval_start", "data_interval_end"),
)
_OF_TASK: Final = ("dag_id", "task_id", "run_id", "try_number", "map_index")
_OF_CONNECTION: Final = ("conn_type", "description", "host", "login", "password", "port", "schema")

_DRIVER: Final = """\
# -*- coding: utf-8 -*-
import io, json, os, sys
with io.open(os.environ["{input}"], encoding="utf-8") as _file:
    _given = json.load(_file)
sys.dont_write_bytecode = True
sys.path.insert(0, _given["root"])

{source}

_result = {name}(*_given["args"], **_given["kwargs"])
try:
    _text = json.dumps(_result, allow_nan=False)
except (TypeError, ValueError) as _error:
    sys.exit("The result of {name} is a %s that JSON cannot hold: %s" % (type(_result).__name__, _error))
with io.open(os.environ["{result}"], "wb") as _file:
    _file.write(_text.encode("ascii"))
"""
"""For any Python from 2.7 on; the function is read in a module of its own, as it would be beside nothing else."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A script and its input, both text."""

    script: str
    given: str

    def as_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Package:
        return cls(**json.loads(text))


def of_function(name: str, source: str) -> str:
    """A script that calls the function."""
    return _DRIVER.format(input=INPUT, result=RESULT, name=name, source=source)


def plain_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """What of Airflow's context is data; points in time are texts in ISO 8601."""
    plain = {name: context[name] for name in _PLAIN if name in context}
    if (params := context.get("params")) is not None:
        plain["params"] = dict(params)
    ti, run = context.get("ti"), context.get("dag_run")
    plain["ti"] = {name: getattr(ti, name, None) for name in _OF_TASK}
    plain["dag_run"] = {"run_id": getattr(run, "run_id", None), "conf": getattr(run, "conf", None) or {}}
    return plain


def named_connections(ids: Iterable[str]) -> dict[str, Any]:
    """Raises AirflowNotFoundException."""
    return {each: _fields(Connection.get(each)) for each in ids}


def named_variables(keys: Iterable[str]) -> dict[str, Any]:
    """Raises AirflowRuntimeError where there is none."""
    return {key: Variable.get(key) for key in keys}


def as_json(given: Mapping[str, Any]) -> str:
    """Raises RefusedError that names what is no JSON, and not its value."""
    for part, values in given.items():
        for name, value in values.items() if isinstance(values, Mapping) else ((part, values),):
            try:
                json.dumps(value, allow_nan=False, default=_plain)
            except (TypeError, ValueError):
                raise RefusedError([_not_json(part, name, value)]) from None
    return json.dumps(given, default=_plain)


def _plain(value: object) -> object:
    """What Airflow has in the place of a list, a dictionary or a time, such as the results of a mapped task."""
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError


def _not_json(part: str, name: str, value: object) -> Problem:
    return Problem(
        path=f"{part}.{name}" if part != name else part,
        value=value,
        rule="text, numbers, lists and dictionaries: an interpreter is given JSON",
        action="pass what can be read back, such as a text, or write the rest to storage and pass its address",
    )


def _fields(connection: Connection) -> dict[str, Any]:
    fields = {name: getattr(connection, name) for name in _OF_CONNECTION}
    return {**fields, "extra": connection.extra_dejson, "uri": connection.get_uri()}
