"""One database as it is read and written here, with an account of what was written."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session

_LOG = logging.getLogger(__name__)
_LOCK_SECONDS: Final = 5
"""Rather no grant this turn than every query of Airflow waiting behind ours."""


class Database:
    """`written` counts what was written since the start, so that a turn can say whether it found all in order."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.written = 0

    @contextmanager
    def transaction(self, *, role: str | None = None) -> Iterator[Writer]:
        """One transaction, as `role` where it is given: what it makes then belongs to that role."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
            if role:
                connection.exec_driver_sql(f"SET LOCAL ROLE {role}")
            writer = Writer(connection)
            yield writer
        self.written += writer.written

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction through Airflow's models."""
        with Session(self.engine) as session:
            event.listen(session, "after_flush", self._account)
            yield session
            session.commit()

    def _account(self, session: Session, _context: object) -> None:
        for row in (*session.new, *session.deleted, *filter(session.is_modified, session.dirty)):
            _LOG.info("%s %r", type(row).__name__, row)
            self.written += 1


class Writer:
    """Statements are PostgreSQL's own text; values go in as parameters, written `%s` or `%(name)s`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.written = 0

    def rows(self, query: str, *values: object) -> Sequence[Any]:
        found: Sequence[Any] = self._execute(query, *values).fetchall()
        return found

    def column(self, query: str, *values: object) -> list[Any]:
        return [row[0] for row in self.rows(query, *values)]

    def holds(self, query: str, *values: object) -> bool:
        """Whether the query finds a row."""
        return bool(self.rows(query, *values))

    def write(self, statement: str, *values: object, **named: object) -> None:
        _LOG.info("%s", statement.partition("$$")[0])
        self._execute(statement, *values, **named)
        self.written += 1

    def _execute(self, statement: str, *values: object, **named: object) -> Any:
        if values or named:
            return self._connection.exec_driver_sql(statement, named or values)
        # Without values the text is not a format, and may hold a per cent sign.
        return self._connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
