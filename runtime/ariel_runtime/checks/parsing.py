"""A repository's DAG files as plain data, each parsed in a process of its own, as Airflow's DAG processor does.

A file that ends its process, or never ends, costs its own DAGs only. The files are the author's code: begin in a
process that may be lost and has no credential.
"""

from __future__ import annotations

import importlib
import multiprocessing
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.dag_processing.importers import get_importer_registry
from airflow.exceptions import AirflowClusterPolicyViolation, AirflowDagDuplicatedIdException
from airflow.sdk import DAG, task
from airflow.utils.file import iter_airflow_imports

from ariel_runtime.checks.effects import Effect, watch
from ariel_runtime.checks.named_in_source import Named
from ariel_runtime.checks.needs import named_by_tasks
from ariel_runtime.checks.shape import DagShape, dag_shape, line_of
from ariel_runtime.secrets.parsing import LookUp, noting

_NAME: Final = "check"
_GRACE_SECONDS: Final = 15.0
"""After the budget, at which Airflow itself ends an import that can be ended."""
_SAID: Final = re.compile(r"^(?:Traceback| .*)\n?", re.MULTILINE)
"""Lines of a traceback before what the exception says."""
_PLACE: Final = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a file, or one DAG of it, is not taken."""

    file: str
    line: int
    dag_id: str
    """Empty where it is the whole file."""
    text: str
    by_policy: bool = False


@dataclass(frozen=True, kw_only=True)
class ParsedFile:
    file: str
    seconds: float
    dags: tuple[DagShape, ...] = ()
    """Each as often as the file makes it."""
    failures: tuple[Failure, ...] = ()
    named: frozenset[Named] = frozenset()
    """By tasks, where the text of no file says it."""
    look_ups: tuple[LookUp, ...] = ()
    effects: tuple[Effect, ...] = ()


def parse(root: Path, bundle: Path, budget: float) -> Iterator[ParsedFile]:
    """`bundle` is the folder in `root` that is delivered; an import is given `budget` seconds."""
    forked = multiprocessing.get_context("fork")
    paths = sorted(map(Path, get_importer_registry().list_dag_files(str(bundle), safe_mode=True)))
    _import_airflow(paths)
    for path in paths:
        receiver, sender = forked.Pipe(duplex=False)
        process = forked.Process(target=_tell, args=(sender, root, bundle, path))
        process.start()
        sender.close()
        yield _told(receiver, str(path.relative_to(root)), budget)
        process.kill()
        process.join()


def _import_airflow(paths: Iterable[Path]) -> None:
    """What the files need of it, once for all, as the DAG processor does: it is not theirs to answer for."""
    with DAG("all"):
        task(_import_airflow)(())
    for name in {name for path in paths for name in iter_airflow_imports(str(path))}:
        with suppress(Exception):  # The file that wants it says so itself.
            importlib.import_module(name)


def _tell(sender: Connection, root: Path, bundle: Path, path: Path) -> None:
    sender.send(_parsed(root, bundle, path))


def _told(receiver: Connection, file: str, budget: float) -> ParsedFile:
    with receiver:
        if not receiver.poll(budget + _GRACE_SECONDS):
            return _lost(file, f"does not end within {budget + _GRACE_SECONDS:g} s")
        try:
            found: ParsedFile = receiver.recv()
        except EOFError:
            return _lost(file, "ends the process that imports it")
        return found


def _lost(file: str, text: str) -> ParsedFile:
    return ParsedFile(file=file, seconds=0, failures=(Failure(file=file, line=1, dag_id="", text=text),))


class _Bag(BundleDagBag):
    """Keeps every DAG that a file makes, and why one is refused; Airflow keeps one of each for a file."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(str(bundle), bundle_path=bundle, bundle_name=_NAME, collect_dags=False)
        self.taken: list[DAG] = []
        self.refused: list[tuple[DAG, Exception]] = []

    def bag_dag(self, dag: DAG) -> None:
        try:
            super().bag_dag(dag)
        except AirflowDagDuplicatedIdException:
            raise
        except Exception as error:
            self.refused.append((dag, error))
            raise
        self.taken.append(dag)


def _parsed(root: Path, bundle: Path, path: Path) -> ParsedFile:
    sys.dont_write_bytecode = True
    file = str(path.relative_to(root))
    bag = _Bag(bundle)
    with noting(root) as look_ups:
        effects = watch(root)
        began = time.monotonic()
        bag.process_file(str(path))
        seconds = time.monotonic() - began
        early, seen = tuple(look_ups), tuple(effects)
    failures = [_refused(root, dag, error) for dag, error in bag.refused]
    if not failures:
        failures += [_imported(root, file, text) for text in bag.import_errors.values()]
    dags, named = [], set()
    for dag in bag.taken:
        try:
            dags.append(dag_shape(root, dag))
        except Exception as error:  # noqa: BLE001 - what Airflow cannot store, whatever it says of it
            failures.append(_refused(root, dag, error))
            continue
        named |= {replace(each, file=file) for each in named_by_tasks(dag.tasks)}
    return ParsedFile(
        file=file,
        seconds=seconds,
        dags=tuple(dags),
        failures=tuple(failures),
        named=frozenset(named),
        look_ups=early,
        effects=seen,
    )


def _refused(root: Path, dag: Any, error: Exception) -> Failure:
    path = Path(dag.fileloc)
    return Failure(
        file=str(path.relative_to(root)),
        line=line_of(path, dag.dag_id),
        dag_id=dag.dag_id,
        text=_without(root, str(error) or type(error).__name__),
        by_policy=isinstance(error, AirflowClusterPolicyViolation),
    )


def _imported(root: Path, file: str, text: str) -> Failure:
    """At the innermost line of the repository that its traceback names."""
    places = [(Path(each["file"]), int(each["line"])) for each in _PLACE.finditer(text)]
    own = [(path, line) for path, line in places if path.is_relative_to(root)]
    reason = _without(root, _SAID.split(text.strip())[-1])
    if not own:
        return Failure(file=file, line=1, dag_id="", text=reason)
    at = str(own[-1][0].relative_to(root))
    return Failure(file=at, line=own[-1][1], dag_id="", text=reason if at == file else f"{reason} (imported by {file})")


def _without(root: Path, text: str) -> str:
    return text.replace(f"{root}/", "")
