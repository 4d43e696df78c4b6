"""Whether a text is a connection that Airflow can use, by the form that the provider shows for its type in the UI."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

import jsonschema
from airflow.api_fastapi.core_api.datamodels.connections import ConnectionHookMetaData
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
from airflow.sdk import Connection

from ariel_runtime.refusal import Problem, RefusedError

_FIELDS: Final = {
    "host": "host",
    "url_schema": "schema",
    "login": "login",
    "password": "password",
    "port": "port",
    "description": "description",
}
"""Field of the form -> attribute of a connection."""


def require_connection(conn_id: str, value: str) -> str:
    """Its type. Raises RefusedError, which names fields and never their contents."""
    connection = _read(conn_id, value)
    forms = {each.connection_type: each for each in HookMetaService.hook_meta_data() if each.connection_type}
    kind = connection.conn_type or ""
    form = forms.get(kind)
    if form is None:
        close = get_close_matches(kind, forms, n=3)
        raise RefusedError(
            [
                Problem(
                    path=f"{conn_id}.conn_type",
                    value=kind if "://" in value or value.lstrip().startswith("{") else "<given>",
                    rule="a connection type of a provider in the image",
                    action=f"did you mean {' or '.join(close)}?" if close else "see Admin > Providers in the UI",
                )
            ]
        )
    problems = _hidden(conn_id, connection, form)
    if value.lstrip().startswith("{"):
        # In a URI every extra is a text.
        problems += _extras(conn_id, connection, form)
    if problems:
        raise RefusedError(problems)
    return kind


def _read(conn_id: str, value: str) -> Connection:
    text = value.strip()
    read = Connection.from_json if text.startswith("{") else Connection.from_uri
    try:
        connection = read(text, conn_id=conn_id)
        connection.get_uri()
    except Exception as error:  # noqa: BLE001 - its text may hold the value
        fault = type(error).__name__
    else:
        if connection.conn_type:
            return connection
        fault = "without a type"
    raise RefusedError(
        [
            Problem(
                path=conn_id,
                value=f"<{len(value)} characters>",
                rule=f"a connection as URI (type://login:password@host:port/schema) or as JSON ({fault})",
                action='write {"conn_type": "...", "host": "...", "login": "...", "password": "...", "extra": {...}}',
            )
        ]
    )


def _hidden(conn_id: str, connection: Connection, form: ConnectionHookMetaData) -> list[Problem]:
    """What the type has no use for is most likely a mistake: the value would be ignored."""
    return [
        Problem(
            path=f"{conn_id}.{attribute}",
            value="<given>",
            rule=f"left out: a connection of type {form.connection_type} does not use it",
            action="remove it, or choose another connection type",
        )
        for field, attribute in _FIELDS.items()
        if form.standard_fields is not None
        and (behaviour := getattr(form.standard_fields, field)) is not None
        and behaviour.hidden
        and getattr(connection, attribute) not in (None, "")
    ]


def _extras(conn_id: str, connection: Connection, form: ConnectionHookMetaData) -> list[Problem]:
    given, problems = connection.extra_dejson, []
    for name, field in (form.extra_fields or {}).items():
        if name not in given:
            continue
        schema = field.get("schema") or {}
        if not jsonschema.Draft202012Validator(schema).is_valid(given[name]):
            types = schema.get("type")
            rule = f"of type {' or '.join(types) if isinstance(types, list) else types}"
            if "enum" in schema:
                rule = f"one of {', '.join(map(str, schema['enum']))}"
            problems.append(
                Problem(path=f"{conn_id}.extra.{name}", value="<given>", rule=rule, action="correct it or leave it out")
            )
    return problems
