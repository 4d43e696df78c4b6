"""Six tasks, each in four ways to run it, and what becomes of them: the data of a proof and of a document.

`python -m tests.ways` writes the table in `docs/isolated.md` anew. `tests/unit/runtime/isolated/test_ways.py` runs the
DAGs of `tests/fitness_ways` and holds what is said here to it; those of `tests/fitness` run on a platform
(`tests/cluster/test_platform_isolated.py`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
DOCUMENT: Final = TESTS.parent / "docs" / "isolated.md"
COMMAND: Final = "python -m tests.ways"
BEGIN: Final = f"<!-- made by {COMMAND} -->"
END: Final = "<!-- end -->"
FITNESS, OTHERS = TESTS / "fitness", TESTS / "fitness_ways"

TASKS: Final[Mapping[str, str]] = {
    "sql": "an SQL operator: connection, templated file, result",
    "sql_of_an_older_provider": "the same by an operator that the platform's provider no longer has",
    "ruby": "a script in ruby: template, result",
    "function": "a function that imports from `include/`: context, result",
    "function_of_an_older_python": "the same under Python 2.7",
    "match": "under Python 2.7: do the two before agree?",
}
"""Id of a fitness task -> what it does."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What becomes of a task on the platform as it is, with the rights that a team has."""

    state: str = "success"
    says: str = ""
    """Part of the failure's message."""
    takes: str = "-"
    """What else author or platform have to do; no cell may hold a line break."""

    @property
    def verdict(self) -> str:
        if self.state == "success":
            return "yes"
        return f"no: `{self.says}`" if self.says else "no: has no input"


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to run all six."""

    name: str
    files: tuple[Path, ...]
    """Real DAG files, of which each writable task is in one."""
    outcomes: Mapping[str, Outcome]
    """By id of the task."""


def _failed(says: str, takes: str) -> Outcome:
    return Outcome(state="failed", says=says, takes=takes)


def _in_a_pod(takes: str) -> Outcome:
    """Each ends where it asks Kubernetes, before anything of its own begins."""
    return _failed("Service token file does not exist", takes)


_TWO_PYTHONS: Final = "op_args or op_kwargs is not supported across different Python major versions"
_NO_OPERATORS: Final = "No module named 'airflow.providers.postgres.operators'"
_NO_INPUT: Final = "upstream_failed"
_REWRITTEN: Final = "the operator as a program in the DAG; the connection in the pod's environment"

PLAIN: Final = Way(
    name="plain operator",
    files=(OTHERS / "dags" / "plain.py", OTHERS / "dags" / "plain_older_provider.py"),
    outcomes={
        "sql": Outcome(),
        "sql_of_an_older_provider": _failed(
            _NO_OPERATORS, "the older provider in everybody's image; till then the file's DAGs are an import error"
        ),
        "ruby": _failed("ruby: command not found", "ruby in everybody's image"),
        "function": Outcome(),
        "function_of_an_older_python": _failed(
            "python2.7: command not found", "Python 2.7 in everybody's image; a script instead of the function"
        ),
        "match": Outcome(state=_NO_INPUT, takes="the result of the task before; compares in the platform's Python"),
    },
)
EXTERNAL: Final = Way(
    name="ExternalPythonOperator",
    files=(OTHERS / "dags" / "external_python.py",),
    outcomes={
        "sql": Outcome(takes="a function instead of the operator"),
        "sql_of_an_older_provider": _failed(
            _NO_OPERATORS,
            "a Python with the platform's Airflow and that provider in everybody's image; a function instead of the "
            "operator",
        ),
        "ruby": _failed("only supports functions for python_callable arg", "cannot be written"),
        "function": Outcome(),
        "function_of_an_older_python": _failed(_TWO_PYTHONS, "Python 2.7 in everybody's image does not help"),
        "match": Outcome(state=_NO_INPUT, takes="as the one before"),
    },
)
KUBERNETES: Final = Way(
    name="KubernetesPodOperator",
    files=(OTHERS / "dags" / "kubernetes_pod.py",),
    outcomes={
        "sql": _in_a_pod(_REWRITTEN),
        "sql_of_an_older_provider": _in_a_pod(_REWRITTEN),
        "ruby": _in_a_pod("the script as text in the DAG"),
        "function": _in_a_pod("the function as text in the DAG; `include/` in the image or on a volume"),
        "function_of_an_older_python": _in_a_pod("as the one before"),
        "match": Outcome(state=_NO_INPUT, takes="both results by template into the pod's environment"),
    },
)
_OWN_IMAGE: Final = "in the team's `images/legacy`"
ISOLATED: Final = Way(
    name="IsolatedOperator",
    files=(FITNESS / "dags" / "fitness.py",),
    outcomes={
        "sql": Outcome(),
        "sql_of_an_older_provider": Outcome(takes=f"the older provider {_OWN_IMAGE}"),
        "ruby": Outcome(takes=f"ruby {_OWN_IMAGE}"),
        "function": Outcome(),
        "function_of_an_older_python": Outcome(takes=f"Python 2.7 {_OWN_IMAGE}"),
        "match": Outcome(takes=f"Python 2.7 {_OWN_IMAGE}"),
    },
)
WAYS: Final = (PLAIN, EXTERNAL, KUBERNETES, ISOLATED)


def author_lines(way: Way, task_id: str, without: Collection[str] = ()) -> int | None:
    """How much of a way's files one task needs, laid out with each statement and each argument on a line of its own.

    Imports, functions, texts and the script or query that it names are included; arguments in `without` are left out.
    None where no file has the task.
    """
    for file in way.files:
        program = Program(file.read_text(encoding="utf-8"), without)
        if needed := program.needed_by(task_id):
            return sum(map(program.lines, needed))
    return None


class Program:
    """The statements of a DAG file, those within its DAG included."""

    def __init__(self, source: str, without: Collection[str] = ()) -> None:
        tree = ast.parse(source)
        for call in ast.walk(tree):
            if isinstance(call, ast.Call):
                call.keywords = [each for each in call.keywords if each.arg not in without]
        self._statements = [one for each in tree.body for one in (each.body if isinstance(each, ast.With) else [each])]
        self._literals = {
            name: value for each in self._statements if (value := _literal(each)) is not None for name in _bound(each)
        }

    def needed_by(self, task_id: str) -> list[ast.stmt]:
        """What makes the task, and what that names of the file, but for other tasks; empty if nothing makes it."""
        found = [each for each in self._statements if task_id in _made(each)]
        if not found:
            return []
        found += [each for each in self._statements if _calls(each, task_id)]
        for statement in found:  # grows meanwhile
            names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            found += [
                each for each in self._statements if names & _bound(each) and not _made(each) and each not in found
            ]
        return found

    def lines(self, statement: ast.stmt) -> int:
        """A value that has only been given a name counts where it is used, its text and the file it names here."""
        total = 0 if _literal(statement) is not None else 1
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt) and node is not statement:
                total += 1
            elif isinstance(node, ast.keyword):
                named = self._literals.get(node.value.id) if isinstance(node.value, ast.Name) else None
                total += len(named) if node.arg is None and isinstance(named, dict) else 1
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                total += node.value.strip().count("\n") + sum(map(_length, _FILE.findall(node.value)))
        return total


_FILE: Final = re.compile(r"[\w/]+\.(?:rb|py|sql)\b")


def _length(name: str) -> int:
    """Lines of a script or query beside the DAG, as texts of a DAG name it; 0 for what is no such file."""
    for root in (FITNESS, OTHERS):
        file = root / "dags" / name.lstrip("/")
        if file.is_file():
            return sum(bool(line.strip()) for line in file.read_text(encoding="utf-8").splitlines())
    return 0


def _literal(statement: ast.stmt) -> object:
    """The value of an assignment that says nothing but a value; else None."""
    try:
        return ast.literal_eval(statement.value) if isinstance(statement, ast.Assign) else None
    except ValueError:
        return None


def _bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {each.asname or each.name.partition(".")[0] for each in statement.names}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {each.id for each in targets if isinstance(each, ast.Name)}


def _made(statement: ast.stmt) -> set[str]:
    """Ids of the tasks that a statement makes: by an operator, or as a decorated function."""
    if isinstance(statement, ast.FunctionDef):
        return {statement.name} if statement.decorator_list else set()
    keywords = [node for node in ast.walk(statement) if isinstance(node, ast.keyword) and node.arg == "task_id"]
    return {str(each.value.value) for each in keywords if isinstance(each.value, ast.Constant)}


def _calls(statement: ast.stmt, name: str) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == name


def part() -> Iterator[str]:
    """The lines between the marks."""
    yield from ("| task | way | works here | lines | it also takes |", "|---|---|---|---|---|")
    for task_id, what in TASKS.items():
        for way in WAYS:
            outcome = way.outcomes[task_id]
            cells = (
                what if way is WAYS[0] else "",
                way.name,
                outcome.verdict,
                str(author_lines(way, task_id) or "-"),
                outcome.takes,
            )
            yield f"| {' | '.join(cells)} |"


def renewed(text: str) -> str:
    """The document with its generated part as it is now."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n" + "\n".join(part()) + f"\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
