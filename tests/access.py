"""The generated part of docs/security.md: who can read what, from the planned graphs of one stack per class.

`python -m tests.access` writes it anew; a test compares. What stands outside the marks is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from tests import access_cluster, access_facts, attacks
from tests.access_facts import MEANING, TENANT, Found, Plan, Row, folded
from tests.recordings import graph_of

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "security.md"
COMMAND: Final = "python -m tests.access"
BEGIN: Final = f"<!-- made by {COMMAND} -->"
END: Final = "<!-- end -->"
CLASSES: Final[Mapping[str, str]] = {"sandbox": "local", "lower": "dev", "higher": "prod"}
"""Class of an environment -> the shipped stack of it."""


def table(head: Row, found: Mapping[str, set[Row]]) -> Iterator[str]:
    """Class -> rows, as one table: tenants first, and a column per class where the classes differ."""
    rows = sorted(set().union(*found.values()), key=lambda row: (TENANT not in row[0], row))
    differ = any(row not in having for row in rows for having in found.values())
    yield f"| {' | '.join((*head, *(found if differ else ())))} |"
    yield "|---" * (len(head) + len(found) * differ) + "|"
    above = ""
    for row in rows:
        marks = ["yes" if row in having else "-" for having in found.values()] if differ else []
        yield f"| {' | '.join(('' if row[0] == above else row[0], *row[1:], *marks))} |"
        above = row[0]
    if not differ:
        yield from ("", "The same in all classes.")


def by_class(plans: Mapping[str, Plan], facts: Callable[[Plan], Found], *, alike: bool = True) -> dict[str, set[Row]]:
    """Class -> rows."""
    return {name: folded(plan, facts(plan), alike=alike) for name, plan in plans.items()}


def part(plans: Mapping[str, Plan]) -> Iterator[str]:
    """The lines between the marks."""
    assigned = by_class(plans, lambda plan: access_facts.assignments(plan, people=False))
    people = by_class(plans, access_facts.people)
    rights = by_class(plans, access_cluster.rights)
    yield from ("", "## Azure: identities", "")
    yield "In brackets the service accounts whose pods may take the identity on; other pods have none."
    yield from ("", *table(("identity", "may on", "role"), assigned), "", *_meaning(assigned, people))
    yield from ("", "## People", "", *table(("who", "where", "right"), people))
    yield from ("", "## Kubernetes", "", *table(("account", "namespace", "may"), rights), "")
    yield from (f"- {question}: {_accounts(rights, pattern)}." for question, pattern in _QUESTIONS.items())
    yield from ("", "What a Secret holds reaches the pods that mount it:", "")
    yield from table(("Secret", "holds", "mounted by"), by_class(plans, access_cluster.secrets))
    yield from ("", "## Database", "", *table(_LOGIN, by_class(plans, access_cluster.logins)), "")
    yield "What each role may do with each table and row: `runtime/ariel_runtime/database/README.md`."
    for title, direction, head in _NETWORK:
        found = by_class(plans, partial(access_cluster.connections, direction=direction), alike=False)
        yield from ("", title, "", *table(head, found))
    yield from ("", "## Attacks that were tried", "")
    yield f"By a task of {attacks.ATTACKER} against {attacks.VICTIM}, on a running platform (`{attacks.PROOF}`):"
    yield from ("", *attacks.table(), "")


_QUESTIONS: Final[Mapping[str, str]] = {
    "Accounts of the program that read Secrets by the Kubernetes API": r"[` ](secrets|\*)[`,]",
    "Accounts of the program that read logs of pods": r"[` ](pods/log|\*)[`,]",
    "Accounts of tenants that are bound to anything": r"^\S*(tasks|parse)-",
}
"""What is asked of the rights in the cluster -> what the answer's rows look like."""
_LOGIN: Final = ("pod", "signs in", "as database role", "which is the identity")
_NETWORK: Final = (
    ("## Network: ways out", "egress", ("from", "to", "ports")),
    ("## Network: ways in", "ingress", ("to", "from", "ports")),
)


def _accounts(rights: Mapping[str, set[Row]], pattern: str) -> str:
    """The accounts of those rights."""
    rows = set().union(*rights.values())
    return ", ".join(sorted({row[0] for row in rows if re.search(pattern, " ".join(row))})) or "none"


def _meaning(*given: Mapping[str, set[Row]]) -> Iterator[str]:
    """What the roles of these rows let one do."""
    used = {row[2] for found in given for rows in found.values() for row in rows}
    yield from ("| role | its holder may |", "|---|---|")
    yield from (f"| {role} | {may} |" for role, may in sorted(MEANING.items()) if role in used)


def renewed(text: str, plans: Mapping[str, Plan]) -> str:
    """The document with its generated part as it is now."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n" + "\n".join(part(plans)) + f"\n{END}{rest.partition(END)[2]}"


def shipped() -> dict[str, Plan]:
    """Class -> the plan of its shipped stack."""
    return {name: Plan(graph_of(stack)) for name, stack in CLASSES.items()}


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8"), shipped()), encoding="utf-8")
