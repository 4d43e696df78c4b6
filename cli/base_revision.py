"""The older revision that a checkout is compared with: which one it is, and its files, out of the checkout's git."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

from stacks.errors import Problem, UsageError


def merge_base(root: Path, branch: str | None) -> str | None:
    """Where the checkout left the branch of its remote; None where that is not known here, or has no such folder.

    Without a branch, the one that the remote calls its own.
    """
    found = _said(root, "merge-base", "HEAD", f"origin/{branch or 'HEAD'}")
    return found if found and _said(root, "cat-file", "-e", f"{found}:./") is not None else None


def commit_of(root: Path, ref: str) -> str:
    """Raises UsageError where the checkout has no such commit."""
    found = _said(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found is None:
        rule = f"a revision of the repository in {root}"
        raise UsageError([Problem(path="--base", value=ref, rule=rule, action="`git fetch` it, or name another")])
    return found


def export(root: Path, commit: str, target: Path) -> None:
    """The files of the commit below `root`, without touching the checkout. Raises UsageError where it has none."""
    archive = target.with_suffix(".tar")
    if _said(root, "archive", "--format=tar", f"--output={archive}", commit) is None:
        rule = f"a revision that has the folder {root}"
        raise UsageError([Problem(path="--base", value=commit, rule=rule, action="name another")])
    with tarfile.open(archive) as files:
        files.extractall(target, filter="data")
    archive.unlink()


def _said(root: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
