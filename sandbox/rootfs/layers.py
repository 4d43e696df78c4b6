"""Layers of root trees in the cache: each is what one script changed in the tree below it.

A layer is known by the digest of all that decides it (its script, its inputs, the layers below), so one whose content
is unchanged is never built twice, and a folder with a layer's name is always a complete one: it gets that name last.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from sandbox import paths
from sandbox.locks import exclusive
from sandbox.report import Report
from sandbox.rootfs import chroot
from sandbox.rootfs.debootstrap import SUITE, architecture, bootstrap
from stacks.errors import MachineError, Problem

_PARTIAL: Final = ".partial-"
_PACKAGES: Final = "packages"
_NETWORK: Final = {file: Path(file) for file in ("/etc/resolv.conf", "/etc/hosts")}
"""How names resolve on this machine; a script sees it, a layer does not keep it."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """`script` runs in the tree below; without one below, it runs in what debootstrap made and belongs to it."""

    name: str
    script: str
    below: Layer | None = None
    inputs: Mapping[str, Path] = field(default_factory=dict)
    """Name below `chroot.INPUTS` -> file or folder of the host that decides the result."""
    tools: Mapping[str, Path] = field(default_factory=dict)
    """The same for what only helps to make it."""
    caches: Mapping[str, Path] = field(default_factory=dict)
    """Path inside the tree -> folder of the host that keeps downloads between builds."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """How this machine reaches what the script downloads; decides nothing."""

    @cached_property
    def key(self) -> str:
        """Digest of everything that decides the content, in hexadecimal digits."""
        decides = {
            "below": self.below.key if self.below else [SUITE, architecture()],
            "script": self.script,
            "inputs": {name: content_digest(path) for name, path in sorted(self.inputs.items())},
        }
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Where the layer is kept once it is complete."""
        return folder() / "layers" / f"{self.name}-{self.key[:12]}"

    @property
    def root(self) -> Path:
        """The files of this layer, in the form that overlay mounts take as a lower folder."""
        return self.folder / "root"

    def stack(self) -> list[Layer]:
        """This layer and those below it, the top one first."""
        return [self, *(self.below.stack() if self.below else [])]


def folder() -> Path:
    """The folder of all trees and images."""
    return paths.cache() / "rootfs"


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files by name; compiled Python does not count."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(path)}\0{file.stat().st_mode & 0o111}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


@contextmanager
def building(report: Report) -> Iterator[None]:
    """Hold the lock under which trees and images are built, one at a time."""
    with exclusive(folder() / "lock", "another command that builds images", report):
        yield


def ensure_layer(layer: Layer, report: Report) -> None:
    """Build the layer and those below it, as far as they are missing. Needs the lock. Raises MachineError."""
    for missing in [each for each in reversed(layer.stack()) if not each.folder.exists()]:
        chroot.require_root()
        with report.step(f"Build layer {missing.name}"), partial_folder(missing.folder) as partial:
            try:
                _build(missing, partial)
            except chroot.ScriptError as error:
                raise _failed(missing, str(error)) from error


def flatten(layer: Layer, target: Path) -> None:
    """Copy the complete tree of a built layer to the new folder `target`. Raises MachineError."""
    with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=target.parent) as scratch:
        overlay = _overlay(layer, Path(scratch))
        try:
            chroot.run(
                overlay,
                chroot.Run(script="cp -a --one-file-system /. /run/tree/", writable={"/run/tree": target}),
            )
        except chroot.ScriptError as error:
            raise _failed(layer, str(error)) from error


@contextmanager
def partial_folder(target: Path) -> Iterator[Path]:
    """A new folder that becomes `target` when the block ends well; remainders of interrupted builds are removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for abandoned in target.parent.glob(f"{_PARTIAL}*"):
        shutil.rmtree(abandoned)
    partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=target.parent))
    partial.chmod(0o755)
    try:
        yield partial
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _build(layer: Layer, partial: Path) -> None:
    root = partial / "root"
    root.mkdir()
    if layer.below is None:
        bootstrap(root, folder() / _PACKAGES)
        _finish_base(root, layer.script)
        return
    with tempfile.TemporaryDirectory(prefix="work-", dir=partial) as scratch:
        taken = _with_copied_inputs(layer, Path(scratch) / "inputs")
        chroot.run(_overlay(layer.below, Path(scratch), upper=root), _what(taken))


def _with_copied_inputs(layer: Layer, target: Path) -> Layer:
    """The layer with inputs that nobody edits meanwhile. Raises MachineError when they are others already."""
    target.mkdir()
    copies = {name: target / str(number) for number, name in enumerate(layer.inputs)}
    for name, source in layer.inputs.items():
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, copies[name])
    taken = replace(layer, inputs=copies)
    if taken.key != layer.key:
        raise _changed(layer)
    return taken


def _finish_base(root: Path, script: str) -> None:
    """The bottom layer needs no mounts: what the script changes belongs to it."""
    answer = subprocess.run(
        ["chroot", str(root), "sh", "-eu", "-c", script],
        env=chroot.ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise chroot.ScriptError(answer.stdout)


def _what(layer: Layer) -> chroot.Run:
    given = {f"{chroot.INPUTS}/{name}": path for name, path in [*layer.inputs.items(), *layer.tools.items()]}
    archives, lists = folder() / _PACKAGES, folder() / "lists"
    for kept in (*layer.caches.values(), archives / "partial", lists / "partial"):
        kept.mkdir(parents=True, exist_ok=True)
    caches = {"/var/cache/apt/archives": archives, "/var/lib/apt/lists": lists, **layer.caches}
    return chroot.Run(
        script=layer.script, environment=layer.environment, readable={**_NETWORK, **given}, writable=caches
    )


def _overlay(below: Layer, scratch: Path, upper: Path | None = None) -> chroot.Overlay:
    """A mount over `below`; what is written to it is lost where `upper` is not given."""
    for name in ("upper", "work", "mount"):
        (scratch / name).mkdir()
    return chroot.Overlay(
        lower=[each.root for each in below.stack()],
        upper=upper or scratch / "upper",
        work=scratch / "work",
        root=scratch / "mount",
    )


def _failed(layer: Layer, output: str) -> MachineError:
    lines = "\n".join(f"    {line}" for line in output.splitlines())
    return MachineError(
        [
            Problem(
                path=f"layer {layer.name}",
                value=f"its script failed:\n{lines}",
                rule="Debian's and Python's package registries must be reachable, and the disk have room",
                action="see the last lines above, mend the cause, then run the same command again",
            )
        ]
    )


def _changed(layer: Layer) -> MachineError:
    return MachineError(
        [
            Problem(
                path=f"layer {layer.name}",
                value=f"one of {', '.join(layer.inputs)} changed before it was built",
                rule="a layer's name says what is in it",
                action="run the same command again",
            )
        ]
    )
