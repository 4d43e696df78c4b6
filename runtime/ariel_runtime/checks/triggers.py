"""The trigger classes that a repository defines: under which name and with which arguments a deferred task needs them.

A deferred task keeps its trigger as a row: a dotted name and the arguments that `serialize` gave. The triggerer makes
the trigger of that row from its newest code, whichever revision the run has. Read from the text: nothing is run.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SUFFIX: Final = "Trigger"


@dataclass(frozen=True, kw_only=True)
class TriggerShape:
    """`kept` is None where the text does not say what arguments a row has, `accepted` where `__init__` is inherited."""

    name: str
    """Dotted, as a row has it."""
    file: str
    line: int
    kept: tuple[str, ...] | None
    accepted: tuple[str, ...] | None
    required: tuple[str, ...]
    takes_any: bool
    """Whether `__init__` takes any further argument."""
    code: str
    """Digest of its text without comments and layout."""

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> TriggerShape:
        fields: dict[str, Any] = {
            key: tuple(each) if isinstance(each, list) else each for key, each in document.items()
        }
        return cls(**fields)


def triggers(root: Path, bundle: Path, files: Mapping[str, ast.Module]) -> dict[str, TriggerShape]:
    """Dotted name -> trigger; `files` are named relative to the root. A name that a module imports counts too."""
    modules = {file: _module(root / file, bundle) for file in files}
    found: dict[str, TriggerShape] = {}
    for file, tree in files.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and any(_last(base).endswith(_SUFFIX) for base in node.bases):
                name = f"{modules[file]}.{node.name}"
                found[name] = _shape(name, file, node)
    for file, tree in files.items():
        for name, origin in _imported(tree):
            if origin in found:
                found.setdefault(f"{modules[file]}.{name}", found[origin])
    return found


def _module(file: Path, bundle: Path) -> str:
    if not file.is_relative_to(bundle):
        return ""
    parts = file.relative_to(bundle).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for each in node.names:
                yield each.asname or each.name, f"{node.module}.{each.name}"


def _shape(name: str, file: str, node: ast.ClassDef) -> TriggerShape:
    methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
    accepted: tuple[str, ...] | None = None
    required: tuple[str, ...] = ()
    takes_any = False
    if init := methods.get("__init__"):
        given = init.args
        positional = [*given.posonlyargs, *given.args][1:]
        without_default = len(positional) - len(given.defaults)
        accepted = tuple(each.arg for each in [*positional, *given.kwonlyargs])
        required = (
            *(each.arg for each in positional[: max(without_default, 0)]),
            *(each.arg for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None),
        )
        takes_any = given.kwarg is not None
    return TriggerShape(
        name=name,
        file=file,
        line=node.lineno,
        kept=_kept(methods.get("serialize")),
        accepted=accepted,
        required=required,
        takes_any=takes_any,
        code=hashlib.sha256(ast.dump(node).encode()).hexdigest()[:12],
    )


def _kept(serialize: ast.FunctionDef | None) -> tuple[str, ...] | None:
    """Keys of the one dictionary that it returns beside the name."""
    if serialize is None:
        return None
    returned = [each.value for each in ast.walk(serialize) if isinstance(each, ast.Return)]
    if len(returned) != 1 or not isinstance(returned[0], ast.Tuple) or len(returned[0].elts) != 2:
        return None
    arguments = returned[0].elts[1]
    if not isinstance(arguments, ast.Dict):
        return None
    keys = [each.value for each in arguments.keys if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return tuple(keys) if len(keys) == len(arguments.keys) else None
