"""Clients that work all the time while something happens to what serves them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psycopg2
import sqlalchemy


class Load:
    """Threads that each do their work again and again within the block; counts what they did, collects what failed."""

    def __init__(self, work: Callable[[], None], clients: int, pause: float = 0.0) -> None:
        self.failures: list[str] = []
        self._work = work
        self._pause = pause
        self._end = threading.Event()
        self._done = [0] * clients
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    @property
    def done(self) -> int:
        return sum(self._done)

    def each_done(self) -> list[int]:
        """Of each client, in a fixed order."""
        return list(self._done)

    def _run(self, number: int) -> None:
        while not self._end.is_set():
            try:
                self._work()
                self._done[number] += 1
            except (psycopg2.Error, sqlalchemy.exc.SQLAlchemyError) as error:
                self.failures.append(str(error))
            self._end.wait(self._pause)
