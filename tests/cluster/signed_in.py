"""`python -m tests.cluster.signed_in MODULE ARGUMENTS` runs a module; the pod's identity gets its token from a file."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from ariel_runtime import tokens


def _from_file(client_id: str, scope: str = tokens.POSTGRESQL_SCOPE) -> tokens.Token:
    assert client_id == os.environ["AZURE_CLIENT_ID"], "asked for another identity than the pod's"
    assert scope == tokens.POSTGRESQL_SCOPE
    return tokens.Token(value=Path(os.environ["ARIEL_TEST_TOKEN"]).read_text(), expires_on=0, refresh_on=None)


tokens.fresh_token = _from_file
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
