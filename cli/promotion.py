"""`ariel dags promote` and `rollback`: another revision for an environment, by a push to the branch that it follows.

The branch is the truth, and its history stays: nothing is forced, so a branch may be protected against that. Pushed is
from a checkout of the author's, with the author's own credentials of git; the environment's mirror brings it.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from cli import console
from cli.dags import check
from cli.options import Environment, OwnTenant, Repository
from cli.repository import repository_at
from cli.session import Session, open_session, tenant_of
from stacks.errors import ArielError, Problem

_NONE: Final = 2
"""Status of `git ls-remote --exit-code` where there is no such branch."""


class RevisionError(ArielError):
    """The repository does not allow it: whoever asked for it reads the reason, and git's own words."""


@dataclass(frozen=True, kw_only=True)
class Branch:
    """The branch that an environment follows, as seen from a checkout of the same repository."""

    checkout: Path
    remote: str
    name: str

    @property
    def reference(self) -> str:
        return f"refs/heads/{self.name}"

    def head(self) -> str | None:
        """Its commit, fetched into the checkout; None where there is no such branch yet."""
        if not self.git("ls-remote", "--exit-code", self.remote, self.reference, absent=_NONE):
            return None
        self.git("fetch", "--quiet", "--no-tags", self.remote, self.reference)
        return self.git("rev-parse", "FETCH_HEAD")

    def push(self, commit: str) -> None:
        """Move it on. Raises RevisionError, also where somebody else was faster."""
        self.git("push", "--quiet", self.remote, f"{commit}:{self.reference}")

    def tree(self, commit: str) -> str:
        """Equal ids are equal content."""
        return self.git("rev-parse", f"{commit}^{{tree}}")

    def is_before(self, earlier: str, later: str) -> bool:
        """Whether `later` has `earlier` in its history, or is it."""
        return self.git("merge-base", earlier, later, absent=1) == earlier

    def restored(self, tree: str, message: str, *parents: str) -> str:
        """A new commit with the content `tree` after those."""
        options = [part for parent in parents for part in ("-p", parent)]
        return self.git("commit-tree", tree, *options, "-m", message)

    def git(self, *arguments: str, absent: int | None = None) -> str:
        """Its output; empty where it ends with the status `absent`. It may ask the author for credentials."""
        done = subprocess.run(["git", *arguments], cwd=self.checkout, capture_output=True, text=True, check=False)
        if done.returncode == absent:
            return ""
        if done.returncode:
            said = f"git {arguments[0]}: {done.stderr.strip()}"
            raise _refused(str(self.checkout), said, "git does it", "mend what git names, then do it again")
        return done.stdout.strip()


def rollback(
    to: Annotated[str, typer.Option("--to", help="An earlier revision of the environment's branch, as git names it.")],
    env: Environment = "local",
    tenant: OwnTenant = None,
    repository: Repository = Path("."),
) -> None:
    """Bring an environment back to the content of an earlier revision, by one more commit on its branch."""
    session, tenant = open_session(env), tenant or repository_at(repository).tenant
    branch = _branch(session, tenant, repository)
    head = branch.head()
    wanted = branch.git("rev-parse", "--verify", "--quiet", f"{to}^{{commit}}", absent=1)
    if head is None or not wanted or not branch.is_before(wanted, head):
        rule = f"a revision in the history of {branch.name}, which {env} follows"
        raise _refused("--to", to, rule, f"choose one of `git log {branch.name}`")
    if branch.tree(wanted) == branch.tree(head):
        console.out.print(f"{env} has the content of {to} already", markup=False)
        return
    subject = branch.git("log", "-1", "--format=%s", wanted)
    message = f"Roll back to {wanted[:12]}: {subject}\n\nThe content is that of {wanted}."
    _push(branch, branch.restored(branch.tree(wanted), message, head), tenant, env)


def promote(
    source: Annotated[str, typer.Option("--from", help="The environment that has it.")],
    target: Annotated[str, typer.Option("--to", help="The environment that is to have it.")],
    tenant: OwnTenant = None,
    repository: Repository = Path("."),
) -> None:
    """Give an environment the commit that another one serves now, once `check --env` of it finds nothing wrong."""
    tenant = tenant or repository_at(repository).tenant
    sessions = {env: open_session(env) for env in (source, target)}
    origin, goal = (_branch(sessions[env], tenant, repository) for env in (source, target))
    if (origin.remote, origin.name) == (goal.remote, goal.name):
        rule, action = "environments that follow different branches", f"give {target} a branch of its own"
        raise _refused("--to", f"{target} follows {goal.name}, as {source} does", rule, f"{action} in its stack file")
    commit = _served(sessions[source], tenant, origin)
    head = goal.head()
    if head is not None and goal.tree(head) == goal.tree(commit):
        console.out.print(f"{target} has the content of {commit[:12]} already")
        return
    with _checked_out(origin, commit) as folder:
        check(tenant=tenant, env=target, repository=folder, deployed=head is not None)
    _push(goal, _next(goal, head, commit, source), tenant, target)


def _next(goal: Branch, head: str | None, commit: str, source: str) -> str:
    """What the branch is moved to: the commit itself, or one with its content where the branch was rolled back."""
    if head is None or goal.is_before(head, commit):
        return commit
    # A rollback's content stands in the history that is promoted; anything else would be lost.
    if goal.tree(head) not in goal.git("log", "--format=%T", commit).split():
        rule = f"its content stands in the history of {commit[:12]}, which {source} serves"
        action = f"merge {goal.name} into the branch of {source} first"
        raise _refused(f"branch {goal.name}", f"{head[:12]} has changes of its own", rule, action)
    return goal.restored(goal.tree(commit), f"Promote {commit[:12]} after a rollback", head, commit)


def _served(session: Session, tenant: str, origin: Branch) -> str:
    """The commit that the environment's mirror serves, which is in the checkout then."""
    found = session.running_platform().call("GET", f"/ariel/webhook/{tenant}")
    commit = (found["mirror"] or {}).get("commit")
    if not commit:
        said = found["fault"] or "nothing fetched yet"
        raise _refused(f"mirror of {tenant} in {session.stack}", said, "it serves a revision", "see `ariel status`")
    origin.head()
    origin.git("cat-file", "-e", f"{commit}^{{commit}}")
    return str(commit)


def _branch(session: Session, tenant: str, checkout: Path) -> Branch:
    """What the environment follows. The sandbox's git host is a folder on this machine."""
    repository = tenant_of(session, tenant).repository
    remote = repository.url
    if session.running_platform() is session.platform:
        remote = str(session.sandbox.paths.git / urlsplit(remote).path.lstrip("/"))
    return Branch(checkout=checkout, remote=remote, name=repository.branch)


@contextmanager
def _checked_out(branch: Branch, commit: str) -> Iterator[Path]:
    """The commit's files in a folder of their own; the author's stay as they are."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "checkout")
        branch.git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        try:
            yield folder
        finally:
            branch.git("worktree", "remove", "--force", str(folder))


def _push(branch: Branch, commit: str, tenant: str, env: str) -> None:
    branch.push(commit)
    console.out.print(
        f"{branch.name} is at {commit[:12]}; {env} has it within a minute, at once where the push calls its webhook: "
        f"`ariel webhook status --tenant {tenant} --env {env}`",
        markup=False,
    )


def _refused(path: str, value: str, rule: str, action: str) -> RevisionError:
    return RevisionError([Problem(path=path, value=value, rule=rule, action=action)])
