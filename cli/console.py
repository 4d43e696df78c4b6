"""How the command speaks: results on stdout, everything else on stderr, progress on what takes long."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from pulumi.automation import EngineEvent
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from stacks.errors import ArielError

PIPED_WIDTH = 140
"""Columns where nobody knows the width: a log, a pipe."""


def _console(stream: TextIO) -> Console:
    return Console(file=stream, highlight=False, soft_wrap=True, width=None if stream.isatty() else PIPED_WIDTH)


out = _console(sys.stdout)
err = _console(sys.stderr)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table whose cells are plain text."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def show_error(error: ArielError) -> None:
    """Every problem with its four parts."""
    for problem in error.problems:
        err.print(Text.assemble(("error ", "bold red"), (problem.path, "bold"), f": {problem.value}"))
        err.print(Text(f"  rule:   {problem.rule}\n  action: {problem.action}"))


class ProgressReport:
    """The sandbox's `Report`, drawn with rich: one line per piece of work, with elapsed time."""

    @contextmanager
    def step(self, label: str) -> Iterator[_Step]:
        with _progress() as progress:
            task = progress.add_task(label, total=None)
            yield _Step(progress, task)
            progress.update(task, total=1, completed=1)

    def say(self, text: str) -> None:
        err.print(Text(text))


class _Step:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, done: int, total: int | None) -> None:
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def engine_progress(label: str) -> Iterator[EngineProgress]:
    """A line that counts the engine's resources while it works."""
    with _progress() as progress:
        yield EngineProgress(progress, progress.add_task(label, total=None))


class EngineProgress:
    """Called with every event of the engine; counts resources, of which a component reports its end twice."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task
        self._seen: set[str] = set()
        self._done: set[str] = set()

    def __call__(self, event: EngineEvent) -> None:
        if event.resource_pre_event is not None:
            self._seen.add(event.resource_pre_event.metadata.urn)
        elif event.res_outputs_event is not None:
            self._done.add(event.res_outputs_event.metadata.urn)
        elif event.summary_event is not None:
            self._done = self._seen
        self._progress.update(self._task, completed=len(self._done), total=max(len(self._seen), 1))


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
    )
