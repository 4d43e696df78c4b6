"""Commands inside a Debian root tree, each in namespaces of its own: they see one server's folder and nothing of ours.

Owns how a command gets in. Does not own the tree, which several servers share and nobody writes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

HOME: Final = "/var/lib/postgresql"
"""Where a command sees the server's folder."""

_PROGRAMS: Final = "/usr/lib/postgresql/17/bin"
_LIBRARIES: Final = "usr/lib/postgresql/17/lib"
_NAMESPACES: Final = ("unshare", "--mount", "--propagation=private", "--pid", "--ipc", "--fork", "--kill-child")

# $1 tree, $2 the server's folder, $3 user id, $4 group id, then the command. All mounts vanish with the namespace.
# A change of user clears the signal by which unshare's death ends its child, so it is set again after it.
_ENTER: Final = f"""
mount --rbind /dev "$1/dev"
mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
mount -t proc proc "$1/proc"
mount --bind "$2" "$1{HOME}"
cd /
tree=$1 uid=$3 gid=$4
shift 4
exec chroot "$tree" setpriv --reuid="$uid" --regid="$gid" --clear-groups --pdeathsig=KILL "$@"
"""


@dataclass(frozen=True)
class Tree:
    """A root tree with PostgreSQL 17 at `root`; its user `postgres` runs what is run in it."""

    root: Path

    @cached_property
    def owner(self) -> tuple[int, int]:
        """User and group id of `postgres` in the tree; the server's files belong to them."""
        for line in (self.root / "etc" / "passwd").read_text().splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if name == "postgres":
                return int(uid), int(gid)
        raise LookupError(f"{self.root} has no user postgres: it is no tree with PostgreSQL")

    @cached_property
    def libraries(self) -> frozenset[str]:
        """What `shared_preload_libraries` may name here."""
        return frozenset(file.stem for file in (self.root / _LIBRARIES).glob("*.so"))

    def command(self, home: Path, program: str, *arguments: str) -> list[str]:
        """The command line that runs a program of PostgreSQL on the server's folder `home`.

        Its first process is the parent of the new process namespace; when that ends, everything inside does.
        """
        uid, gid = self.owner
        enter = ("sh", "-ec", _ENTER, "enter", str(self.root), str(home), str(uid), str(gid))
        return [*_NAMESPACES, *enter, f"{_PROGRAMS}/{program}", *arguments]


ENVIRONMENT: Final = {"PATH": f"{_PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": HOME}
