"""Whether each DAG id is made once: of two DAGs with one id Airflow keeps the one that it parsed last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from ariel_runtime.checks.finding import Finding, State
from ariel_runtime.checks.parsing import ParsedFile
from ariel_runtime.checks.shape import DagShape

CHECK: Final = "ids"


def findings(parsed: Sequence[ParsedFile]) -> Iterator[Finding]:
    made: dict[str, list[DagShape]] = defaultdict(list)
    for file in parsed:
        for dag in file.dags:
            made[dag.dag_id].append(dag)
    for dag_id, (first, *others) in made.items():
        for each in others:
            reason = f"{first.file}:{first.line} has a DAG of the same id: rename one of them"
            yield Finding(
                check=CHECK,
                file=each.file,
                line=each.line,
                kind="dag",
                id=dag_id,
                state=State.BROKEN,
                reason=reason,
            )
