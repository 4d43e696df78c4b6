"""One measured run, in a process of its own: `python -m tests.bench.side FOLDER ours|bare preview|up|record`.

Prints what the engine counted; `record` keeps the state from which the bare program is made. The caller takes the time,
so the start of Python and all imports count for both sides alike.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cli.engine import Engine
from cli.workspace import sandbox_workspace
from sandbox.lifecycle import Sandbox
from stacks import load

STACK = "local"
RECORDED = "recorded.json"
"""State that ours has left, from which the bare program is made."""


def main(folder: str, side: str, verb: str) -> None:
    root = Path(folder)
    sandbox = Sandbox(root, STACK)
    work_dir = sandbox_workspace(root, sandbox.paths.root / "project", STACK, {})
    if side == "ours":
        from infra.program import program
    else:
        from tests.bench.bare import bare_program

        azure = load.load(STACK, load.read_file(root / f"Pulumi.{STACK}.yaml")).azure
        state = json.loads((root / RECORDED).read_text())
        program = bare_program(state, azure.subscription_id, azure.tenant_id, sandbox.cluster().kubeconfig)
    engine = Engine(STACK, work_dir, sandbox.environment(), program)
    if verb == "record":
        (root / RECORDED).write_text(json.dumps(engine.state().resources))
        return
    plan = engine.preview() if verb == "preview" else engine.up()
    print(json.dumps(plan.summary))


if __name__ == "__main__":
    main(*sys.argv[1:])
