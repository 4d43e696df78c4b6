"""`python -m ariel_runtime.laptop.prepare`: a database as this version of Airflow wants it, with the team's pool.

It also writes `airflow.cfg` with keys that are made up, as the command `airflow` does where there is none: this process
must end before others start, or each would have keys of its own.
"""

from __future__ import annotations

from typing import Final

from airflow.configuration import conf, write_default_airflow_configuration_if_needed
from airflow.models.pool import Pool
from airflow.utils.db import initdb

from ariel_runtime.policies import own_slug

_SLOTS: Final = conf.getint("core", "parallelism")


def prepare() -> None:
    write_default_airflow_configuration_if_needed()
    initdb()
    if slug := own_slug():
        Pool.create_or_update_pool(slug, _SLOTS, f"What tasks of {slug} run in", include_deferred=False)


if __name__ == "__main__":
    prepare()
