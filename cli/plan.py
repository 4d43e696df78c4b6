"""What the engine planned or did, as plain data gathered from its events."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation import EngineEvent, OpType

UNCHANGED = OpType.SAME.value
LOOKED_AT = OpType.REFRESH.value
"""Step of a refresh: the resource is read, not changed; what follows from it is a step of its own."""
EXPECTED = ("using pulumi-resource-", "update failed", "preview failed")
"""Messages of the engine that tell nothing: its plug-ins come from PATH in the sandbox; the failure itself follows."""


@dataclass
class Plan:
    """Steps and messages of one preview, update or destroy; `record` is called with every event of the engine."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    """Each `{"op", "urn", "diff"}`; `diff` maps the path of a changed property to its kind of change."""
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def record(self, event: EngineEvent) -> None:
        if event.resource_pre_event is not None:
            self._step(event.resource_pre_event.metadata)
        elif event.diagnostic_event is not None:
            self._message(event.diagnostic_event)

    @property
    def summary(self) -> dict[str, int]:
        """Operation -> number of resources, as the engine counts them."""
        return dict(Counter(step["op"] for step in self.steps))

    @property
    def changes(self) -> int:
        """Steps that change something."""
        return sum(step["op"] != UNCHANGED for step in self.steps)

    def and_then(self, later: Plan) -> Plan:
        """Both runs as one, without what the later one found as the earlier had left it."""
        seen = {step["urn"] for step in self.steps}
        more = [step for step in later.steps if step["op"] != UNCHANGED or step["urn"] not in seen]
        return Plan([*self.steps, *more], later.errors, [*self.warnings, *later.warnings])

    def as_json(self) -> dict[str, Any]:
        return {"summary": self.summary, "steps": self.steps}

    def _step(self, metadata: Any) -> None:
        if _word(metadata.op) == LOOKED_AT:
            return
        detailed = metadata.detailed_diff or {}
        diff = {path: _word(change.diff_kind) for path, change in detailed.items()}
        self.steps.append(
            {
                "op": _word(metadata.op),
                "urn": metadata.urn,
                "diff": diff or dict.fromkeys(metadata.diffs or (), "update"),
            }
        )

    def _message(self, diagnostic: Any) -> None:
        text = diagnostic.message.strip()
        kept = {"error": self.errors, "warning": self.warnings}.get(diagnostic.severity)
        if kept is None or not text or text.startswith(EXPECTED):
            return
        line = f"{diagnostic.urn.rsplit('::', 1)[-1]}: {text}" if diagnostic.urn else text
        if line not in kept:
            kept.append(line)


def _word(value: Any) -> str:
    return str(getattr(value, "value", value))
