"""A document alone on standard output, though the authors' code that is run for it may print."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def document() -> Iterator[dict[str, Any]]:
    """What is put into it is printed as JSON at the end; all else that is printed meanwhile goes to standard error."""
    found: dict[str, Any] = {}
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        yield found
        json.dump(found, answer)
