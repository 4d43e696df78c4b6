"""`python -m ariel_runtime.migrate`: brings the schema to this image's Airflow, as its owner, and ends.

Waits for the owner's role, which the reconciler makes. A second run finds nothing to do. Variables:
`ARIEL_DATABASE_HOST`, `ARIEL_DATABASE_NAME`, `ARIEL_DATABASE_ROLE`, and those of workload identity.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Final

from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from ariel_runtime import metadata_engine
from ariel_runtime.json_logs import log_as_json
from ariel_runtime.metadata_engine import Target, direct_engine
from ariel_runtime.tokens import TokenUnavailableError

WAIT_SECONDS: Final = 120.0
"""Then the job's next pod tries again, so that its log stays short and its failure visible."""
_PAUSE_SECONDS: Final = 3.0
_LOG = logging.getLogger(__name__)


class CannotMigrateError(Exception):
    """The migration did not begin; says what is missing and who can help."""


def main() -> None:
    log_as_json()
    try:
        target = Target.of_environment()
        wait_for_role(target)
        migrate(target)
    except CannotMigrateError as error:
        sys.exit(f"error: {error}")
    except KeyError as error:
        sys.exit(f"error: the variable {error.args[0]} is not set")


def wait_for_role(target: Target, seconds: float = WAIT_SECONDS) -> None:
    """Return when the role can sign in. Raises CannotMigrateError after `seconds`."""
    engine = direct_engine(target.url, poolclass=NullPool)
    deadline = time.monotonic() + seconds
    while True:
        try:
            engine.connect().close()
            return
        except (OperationalError, TokenUnavailableError) as error:
            reason = str(getattr(error, "orig", None) or error).strip()
        if time.monotonic() > deadline:
            raise CannotMigrateError(
                f"{target.role} cannot sign in to {target.host}: {reason}\n"
                "  rule:   the reconciler makes the role, and the server is reached with the pod's identity\n"
                "  action: look at the log of the Deployment tenant-reconciler"
            )
        _LOG.info("Waiting for %s at %s: %s", target.role, target.host, reason)
        time.sleep(_PAUSE_SECONDS)


def migrate(target: Target) -> None:
    """`airflow db migrate` in this process. Raises CannotMigrateError where Airflow would not sign in by token."""
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = target.url.render_as_string()
    # Airflow reads its settings and makes its engine when it is imported.
    from airflow import settings
    from airflow.__main__ import main as airflow

    if settings.create_metadata_engine is not metadata_engine.create_metadata_engine:
        raise CannotMigrateError(
            "Airflow makes its engine itself\n"
            "  rule:   the module airflow_local_settings on Python's path offers ariel's create_metadata_engine\n"
            "  action: build the image again"
        )
    sys.argv = ["airflow", "db", "migrate"]
    airflow()


if __name__ == "__main__":
    main()
