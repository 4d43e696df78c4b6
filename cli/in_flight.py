"""What changes of a repository do to runs that are in flight, and what a check says of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

CHECK: Final = "rehydration"
BREAKS: Final = "breaks"
_ORDER: Final = (BREAKS, "reaches", "safe", "new")
_MOST: Final = 3
"""Runs that a finding names."""


def effect_on(run: Mapping[str, Any], change: Mapping[str, Any]) -> str:
    """A run with a commit of its own is pinned to it, whatever its DAG says today."""
    return str(change["pinned" if run["bundle_version"] else "unpinned"])


def judged(runs: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each run with `effect`, the worst that a change has on it, and the kinds of the `changes` that have it."""
    of_dag = defaultdict(list)
    for change in changes:
        of_dag[change["dag_id"]].append(change)
    found = []
    for run in runs:
        kinds = defaultdict(set)
        for change in of_dag[run["dag_id"]]:
            kinds[effect_on(run, change)].add(change["kind"])
        effect = next((each for each in _ORDER if each in kinds), "safe")
        found.append({**run, "effect": effect, "changes": sorted(kinds[effect])})
    return sorted(found, key=lambda each: (_ORDER.index(each["effect"]), each["dag_id"], each["run_id"]))


def findings(
    changes: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]] | None
) -> Iterator[dict[str, Any]]:
    """Of changes that break. Broken where a run in flight is hit, or where nobody was asked for runs (None)."""
    for change in changes:
        if runs is None:
            hit, breaks = [], change["effect"] == BREAKS
            said = "no environment was asked which runs are in flight: `--env`"
        else:
            of_dag = [run for run in runs if run["dag_id"] == change["dag_id"]]
            hit = [run["run_id"] for run in of_dag if effect_on(run, change) == BREAKS]
            breaks = bool(hit) or change["effect"] == BREAKS
            said = f"hits {_named(hit)}" if hit else "no run in flight is hit"
        if breaks:
            yield {
                "check": CHECK,
                "file": change["file"],
                "line": change["line"],
                "kind": change["kind"],
                "id": ".".join(filter(None, (change["dag_id"], change["task_id"]))),
                "state": "broken" if hit or runs is None else "warning",
                "reason": f"{_difference(change)}: {change['reason']}; {said}",
            }


def _difference(change: Mapping[str, Any]) -> str:
    return f"{change['before']} -> {change['after']}" if change["after"] else str(change["before"])


def _named(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - _MOST} more" if len(runs) > _MOST else ""
    return f"{', '.join(runs[:_MOST])}{more}"
