"""Airflow on this laptop for one repository: the environment in which all of its processes run, and how one is run.

All state lies in the repository's `.ariel/`, which git and Airflow ignore. The command itself never imports Airflow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cli.repository import TenantRepository
from components import dag_processor
from components.airflow_settings import ENVIRONMENT
from sandbox.ports import KeptPorts
from stacks.errors import ArielError, Problem

LAPTOP: Final = "laptop"
"""What this environment is called in a repository, as in `variables.laptop.yaml`."""
_SECRETS_BACKEND: Final = "ariel_runtime.secrets.local.LocalSecretsBackend"
BUNDLE: Final = "airflow.dag_processing.bundles.local.LocalDagBundle"
"""The class of a bundle that is a folder of this machine."""
_REFRESH_SECONDS: Final = 2
"""How often the folder is looked at; a file that has changed is parsed at once."""
_PARSE_SECONDS: Final = 15
"""How often the others are parsed, which may import what has changed."""
_FOREIGN: Final = ("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG")
_LOCAL_ADDRESSES: Final = "127.0.0.1,localhost"


class LaptopError(ArielError):
    """A process of Airflow on this laptop failed; its author reads why."""


def home(repository: TenantRepository) -> Path:
    """Airflow's folder, made where it is missing."""
    folder = repository.root / ".ariel"
    folder.mkdir(exist_ok=True)
    for name in (".gitignore", ".airflowignore"):
        # Not each time: a DAG processor that reads one while it is empty walks into its own logs, and ends.
        if not (folder / name).exists():
            (folder / name).write_text("*\n", encoding="utf-8")
    made = folder / "dev"
    made.mkdir(mode=0o700, exist_ok=True)
    return made


def secrets_folder(repository: TenantRepository) -> Path:
    return repository.root / ".ariel" / "secrets"


def one_process_database(repository: TenantRepository) -> str:
    """Of commands that run a DAG by themselves: the scheduler of `ariel dev` must not take such a run for its own."""
    return f"sqlite:///{home(repository) / 'one-process.db'}"


def environment(repository: TenantRepository, database: str) -> dict[str, str]:
    """Variables of every process; what the person has set for another Airflow is left out."""
    folder, address = home(repository), f"http://127.0.0.1:{port(repository)}"
    kwargs = {"path": str(repository.root), "refresh_interval": _REFRESH_SECONDS}
    backend = {"folder": str(secrets_folder(repository)), "root": str(repository.root)}
    settings: dict[str, dict[str, Any]] = {
        "core": {
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "dags_are_paused_at_creation": True,
            "dags_folder": repository.root,
            "execution_api_server_url": f"{address}/execution/",
            "executor": "LocalExecutor",
            "load_examples": False,
            "parallelism": 8,
            "simple_auth_manager_all_admins": True,
        },
        "api": {
            "base_url": address,
            "host": "127.0.0.1",
            "instance_name": f"{repository.tenant} on this laptop",
            "port": port(repository),
            "workers": 1,
        },
        # There are no pods, so a function for an image must not run in Airflow's own Python instead.
        "ariel": {"isolated_backend": "interpreter"},
        "database": {"sql_alchemy_conn": database},
        "dag_processor": {
            "bundle_refresh_check_interval": 1,
            "dag_bundle_config_list": json.dumps(
                [{"name": repository.tenant, "classpath": BUNDLE, "kwargs": kwargs}],
            ),
            "dag_bundle_storage_path": folder / "bundles",
            "min_file_process_interval": _PARSE_SECONDS,
        },
        "workers": {"secrets_backend": _SECRETS_BACKEND, "secrets_backend_kwargs": json.dumps(backend)},
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {
        **others,
        **{
            f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
            for section, values in settings.items()
            for key, value in values.items()
        },
        "AIRFLOW_HOME": str(folder),
        # Processes speak to each other on this machine, also behind a proxy.
        **dict.fromkeys(("NO_PROXY", "no_proxy"), _LOCAL_ADDRESSES),
        # As each part of production puts the repository on its import path; the triggerer does not by itself.
        "PYTHONPATH": str(repository.root),
        ENVIRONMENT: LAPTOP,
    }


def while_parsing(given: Mapping[str, str]) -> dict[str, str]:
    """Those of the DAG processor, which has no secrets."""
    return {
        **given,
        "AIRFLOW__WORKERS__SECRETS_BACKEND": dag_processor.SECRETS_BACKEND,
        "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": "{}",
    }


def port(repository: TenantRepository) -> int:
    """Of the UI in this checkout: a random one that was free when it was first asked for."""
    return KeptPorts(home(repository) / "ports.json").get("ui")


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of the runtime's laptop part."""
    return [sys.executable, "-m", f"ariel_runtime.laptop.{name}", *arguments]


def asked(repository: TenantRepository, name: str, *arguments: str) -> dict[str, Any]:
    """The document that the module prints. Raises LaptopError."""
    done = subprocess.run(
        module(name, *arguments),
        env=environment(repository, one_process_database(repository)),
        cwd=repository.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        rule, action = "it ends well", "read the last lines of what it said"
        problem = Problem(path=name, value=done.stderr.strip()[-2000:], rule=rule, action=action)
        raise LaptopError([problem])
    found: dict[str, Any] = json.loads(done.stdout)
    return found
