"""The runtime's check of a checkout, started as `ariel dags check` starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cli.checks import Subject, runtime_environment


def answer(root: Path, home: Path, *, bundle: str = "dags", budget: float = 30, **asked: Any) -> dict[str, Any]:
    """`asked` as in `ariel_runtime.checks.__main__`; nothing is asked of what is not given."""
    question = {"checks": [], "inventory": None, "base": None, "budget": budget, **asked}
    subject = Subject(root=root, tenant="weather", bundle=Path(bundle), budget=budget)
    done = subprocess.run(
        [sys.executable, "-m", "ariel_runtime.checks", str(root), str(root / bundle)],
        input=json.dumps(question),
        env=runtime_environment(subject, "dev", str(home)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
