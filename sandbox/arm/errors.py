"""What ARM says when it refuses: HTTP status, code, message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ArmError(Exception):
    """One refusal, in the shape of ARM's error body. `retry_after` is in seconds, for answers that may be retried."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": self.message}}


@dataclass(frozen=True)
class Refusal:
    """A refusal with blanks, so that a rule can be a line in a table; `error(**blanks)` fills the message."""

    status: int
    code: str
    message: str
    retry_after: int | None = None

    def error(self, **blanks: object) -> ArmError:
        return ArmError(self.status, self.code, self.message.format(**blanks), retry_after=self.retry_after)
