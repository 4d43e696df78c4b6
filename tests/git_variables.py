"""Variables for git as somebody whom this machine does not know."""

from __future__ import annotations

import os


def git_as(mail: str) -> dict[str, str]:
    """Commits are that person's; no setting of this machine's user is read, and nobody is asked for anything."""
    person = {f"GIT_{who}_{what}": mail for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**person, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
