"""Which connections, variables and secrets a Python file names, by its text alone: nothing of it is run.

A name that the text does not hold (an f-string, an argument, the result of a call) is an `Unknown` with its line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ariel_runtime.secrets.names import Kind

GROUP: Final = "group"
"""Of connections, in the team's connections.yaml."""
APPLICATION: Final = "application"
"""An app registration in the tenant's block of the stack file."""


@dataclass(frozen=True, kw_only=True, order=True)
class Named:
    """`kind` is a Kind, GROUP or APPLICATION. An optional one has a default where it is asked for."""

    file: str
    line: int
    kind: str
    id: str
    optional: bool = False


@dataclass(frozen=True, kw_only=True, order=True)
class Unknown:
    """A place that names something which only a run would tell."""

    file: str
    line: int
    kind: str
    text: str


_CALLS: Final = {
    "Variable.get": (str(Kind.VARIABLE), "key"),
    "Connection.get": (str(Kind.CONNECTION), "conn_id"),
    "Connection.async_get": (str(Kind.CONNECTION), "conn_id"),
    "BaseHook.get_connection": (str(Kind.CONNECTION), "conn_id"),
    "secrets.get": (str(Kind.SECRET), "name"),
    "secrets.group": (GROUP, "name"),
    "identity.application": (APPLICATION, "name"),
}
"""Last two parts of what is called -> kind of its first argument, and that argument's name."""
_SOURCES: Final = ("airflow.", "ariel_runtime.")
_DEFAULTS: Final = frozenset(("default", "default_var"))
_TEMPLATE: Final = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_IN_TEMPLATE: Final = (
    (Kind.VARIABLE, re.compile(r"\bvar\.(?:value|json)\.(?!get\b)([A-Za-z_]\w*)")),
    (Kind.VARIABLE, re.compile(r"\bvar\.(?:value|json)\.get\(\s*['\"]([^'\"]+)['\"]\s*\)")),
    (Kind.CONNECTION, re.compile(r"\bconn\.(?!get\b)([A-Za-z_]\w*)")),
    (Kind.CONNECTION, re.compile(r"\bconn\.get\(\s*['\"]([^'\"]+)['\"]")),
)


def named_in_source(file: str, text: str) -> tuple[list[Named], list[Unknown]]:
    """Raises SyntaxError."""
    tree = ast.parse(text, file)
    reader = _Reader(file, tree)
    reader.visit(tree)
    return reader.named, reader.unknown


def named_in_template(text: str) -> Iterator[tuple[Kind, str]]:
    """What Airflow looks up when it renders the text and has no default for."""
    for block in _TEMPLATE.findall(text):
        for kind, pattern in _IN_TEMPLATE:
            for found in pattern.findall(block):
                yield kind, found


class _Reader(ast.NodeVisitor):
    def __init__(self, file: str, tree: ast.Module) -> None:
        self.named: list[Named] = []
        self.unknown: list[Unknown] = []
        self._file = file
        self._imported = dict(_imports(tree))
        self._constants = dict(_constants(tree))

    def visit_Call(self, node: ast.Call) -> None:
        called = self._dotted(node.func)
        known = _CALLS.get(".".join(called.split(".")[-2:])) if called.startswith(_SOURCES) else None
        if known:
            kind, argument = known
            asked = node.args[0] if node.args else self._keyword(node, argument)
            optional = len(node.args) > 1 or any(each.arg in _DEFAULTS for each in node.keywords)
            if asked is not None:
                self._note(kind, asked, optional=optional)
        else:
            if called.startswith(_SOURCES) and called.endswith("Hook") and node.args:
                # By custom the connection is a hook's first argument; a hook of its own may differ.
                self._note(str(Kind.CONNECTION), node.args[0], optional=False)
            for keyword in node.keywords:
                if keyword.arg is not None and (keyword.arg == "conn_id" or keyword.arg.endswith("_conn_id")):
                    self._note(str(Kind.CONNECTION), keyword.value, optional=False)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            for kind, found in named_in_template(node.value):
                self.named.append(Named(file=self._file, line=node.lineno, kind=str(kind), id=found))

    def _note(self, kind: str, node: ast.expr, *, optional: bool) -> None:
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(node, ast.Name):
            value = self._constants.get(node.id)
        if isinstance(value, str):
            self.named.append(Named(file=self._file, line=node.lineno, kind=kind, id=value, optional=optional))
        elif not (isinstance(node, ast.Constant) and value is None):
            self.unknown.append(Unknown(file=self._file, line=node.lineno, kind=kind, text=ast.unparse(node)))

    def _dotted(self, node: ast.expr) -> str:
        """`a.b.c`, its first part as it was imported; empty for what is no plain name."""
        if isinstance(node, ast.Attribute):
            above = self._dotted(node.value)
            return f"{above}.{node.attr}" if above else ""
        return self._imported.get(node.id, "") if isinstance(node, ast.Name) else ""

    @staticmethod
    def _keyword(node: ast.Call, name: str) -> ast.expr | None:
        return next((each.value for each in node.keywords if each.arg == name), None)


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                yield each.asname or each.name.split(".")[0], each.name if each.asname else each.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for each in node.names:
                yield each.asname or each.name, f"{node.module}.{each.name}"


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that stand for one text in the whole file."""
    given: dict[str, list[ast.expr | None]] = {}
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
            targets, value = [node.target], node.value
        elif isinstance(node, (ast.AugAssign, ast.For, ast.comprehension)):
            targets = [node.target]
        for target in targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    given.setdefault(part.id, []).append(value)
        if isinstance(node, ast.arg):
            given.setdefault(node.arg, []).append(None)
    for name, values in given.items():
        if len(values) == 1 and isinstance(values[0], ast.Constant) and isinstance(values[0].value, str):
            yield name, values[0].value
