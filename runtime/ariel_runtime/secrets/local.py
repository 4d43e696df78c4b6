"""Airflow's secrets backend on a laptop: three files of its owner in the place of a vault, then the repository's own.

    connections.yaml   {id: URI, or a mapping}     as Airflow's LocalFilesystemBackend reads them
    variables.yaml     {key: value}                the same
    secrets.yaml       {id: text}                  for `ariel_runtime.secrets.get`

All else is as with a vault: what is found, masked, remembered and refused, so a task cannot tell the difference.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Final

import yaml
from airflow.secrets.local_filesystem import LocalFilesystemBackend

from ariel_runtime.environment import ENVIRONMENT
from ariel_runtime.refusal import Problem, RefusedError
from ariel_runtime.secrets.backend import TenantSecretsBackend
from ariel_runtime.secrets.names import Kind
from ariel_runtime.secrets.repository_files import RepositoryFiles, read

FILES: Final = {
    Kind.CONNECTION: "connections.yaml",
    Kind.VARIABLE: "variables.yaml",
    Kind.SECRET: "secrets.yaml",
}


class LocalSecretsBackend(TenantSecretsBackend):
    """`folder` holds the three files, `root` is the repository's."""

    def __init__(self, *, folder: str, root: str) -> None:
        super().__init__(vault_url=folder, owner="", repository={})
        self._folder = Path(folder)
        self._root = Path(root)

    def setting_of(self, kind: Kind, identifier: str) -> str:
        return f"write it into {shlex.quote(str(self._folder / FILES[kind]))}"

    def _in_vault(self, kind: Kind, identifier: str) -> str | None:
        value = in_files(self._folder, kind, identifier)
        if value is not None:
            self.mask(value)
        return value

    def _newest_files(self) -> RepositoryFiles:
        return read(self._root, os.environ[ENVIRONMENT])


def in_files(folder: Path, kind: Kind, identifier: str) -> str | None:
    """The value; None where the kind's file has none, as while it holds comments only. Raises RefusedError."""
    file = folder / FILES[kind]
    try:
        if not file.is_file() or yaml.safe_load(file.read_text(encoding="utf-8")) is None:
            return None
        if kind is Kind.CONNECTION:
            connection = LocalFilesystemBackend(connections_file_path=str(file)).get_connection(identifier)
            return None if connection is None else connection.as_json()
        value = LocalFilesystemBackend(variables_file_path=str(file)).get_variable(identifier)
    except Exception as error:  # noqa: BLE001 - Airflow raises many kinds
        # Without Airflow's own text, which may show a value.
        path, rule = str(file), f"YAML with one value for each id ({type(error).__name__})"
        raise RefusedError([Problem(path=path, value=identifier, rule=rule, action="correct it")]) from None
    return value if value is None or isinstance(value, str) else json.dumps(value)
