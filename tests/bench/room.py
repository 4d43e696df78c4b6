"""Room on the sandbox's node for more tenants than its memory may promise: idle, they use a third of that."""

from __future__ import annotations

import json
from typing import Final

from sandbox.cluster import node_settings, objects
from tests.bench.side import STACK
from tests.workbench import Workbench

MEMORY: Final = "128Gi"


def make_room(workbench: Workbench) -> None:
    """The node of the running cluster says from now on that it has that memory, as it does of its processors."""
    for _, rule in objects.overcommitment("ariel-bench-memory", "memory", MEMORY):
        workbench.kubectl("apply", "--filename=-", stack=STACK, given=json.dumps(rule))
    # The next writing of its status carries the rule out; kubelet's own may be minutes away.
    same = json.dumps({"status": {"capacity": {}}})
    node = f"nodes/{node_settings.NAME}"
    workbench.kubectl("patch", node, "--subresource=status", "--type=merge", f"--patch={same}", stack=STACK)
