"""The start of the command, which every call of it bears."""

from __future__ import annotations

import subprocess
import sys

SELDOM = {"airflow", "azure", "kubernetes"}
"""Large ones, which some verbs need."""


def test_a_call_imports_no_large_library_that_its_verb_may_not_need() -> None:
    script = "import sys, cli.app; print(*{name.partition('.')[0] for name in sys.modules})"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert SELDOM & set(answer.stdout.split()) == set()
