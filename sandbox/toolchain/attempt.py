"""A way to get a tool that did not work; the next way is tried, and the reason is kept for the message."""

from __future__ import annotations


class AttemptError(Exception):
    """Says in one line what was tried and why it failed."""
