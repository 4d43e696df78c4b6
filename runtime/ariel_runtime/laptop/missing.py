"""`python -m ariel_runtime.laptop.missing ROOT DAGS FOLDER`: what the DAGs need and the laptop lacks, as files to fill.

Appends a line that is commented out for each id to the files of `secrets.local` in FOLDER, unless that id stands in
there already. Prints {"missing": [{kind, id, places: [file:line], file}]}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ariel_runtime.checks.named_in_source import GROUP
from ariel_runtime.checks.needs import needs
from ariel_runtime.document import document
from ariel_runtime.environment import LAPTOP
from ariel_runtime.refusal import RefusedError
from ariel_runtime.secrets.local import FILES, in_files
from ariel_runtime.secrets.names import PLATFORM_CONNECTIONS, Kind
from ariel_runtime.secrets.repository_files import RepositoryFiles, read

_HEADS: Final = {
    Kind.CONNECTION: "# Connections of this laptop, each a URI such as postgres://login:password@host:5432/schema",
    Kind.VARIABLE: "# Variables of this laptop, each a text, number, list or mapping",
    Kind.SECRET: "# Plain secrets of this laptop, each a text",
}


def missing(root: Path, dags: Path, folder: Path) -> list[dict[str, Any]]:
    """Of what the DAGs need without a default, all that no file has."""
    try:
        files = read(root, LAPTOP)
    except RefusedError as refused:
        print(refused, file=sys.stderr)
        files = RepositoryFiles()
    places: dict[tuple[Kind, str], list[str]] = {}
    for each in needs(root, dags)["named"]:
        if not each["optional"]:
            for key in _wanted(each["kind"], each["id"], files):
                places.setdefault(key, []).append(f"{each['file']}:{each['line']}")
    return [
        {"kind": str(kind), "id": name, "places": sorted(set(where)), "file": str(folder / FILES[kind])}
        for (kind, name), where in sorted(places.items())
        if not _is_there(kind, name, files, folder)
    ]


def _wanted(kind: str, name: str, files: RepositoryFiles) -> Iterator[tuple[Kind, str]]:
    """That itself, and the secrets of connections that the repository describes."""
    if kind == GROUP:
        for conn_id in files.groups.get(name, ()):
            yield from _wanted(Kind.CONNECTION, conn_id, files)
    elif kind == Kind.CONNECTION and name in files.connections:
        yield from ((Kind.SECRET, secret) for secret in files.references(name))
    elif kind in list(Kind):
        yield Kind(kind), name


def _is_there(kind: Kind, name: str, files: RepositoryFiles, folder: Path) -> bool:
    if kind is Kind.CONNECTION and name in PLATFORM_CONNECTIONS:
        return True
    if kind is Kind.VARIABLE and name in files.variables:
        return True
    return in_files(folder, kind, name) is not None


def write(found: list[dict[str, Any]], folder: Path) -> None:
    """Adds lines only; a file that is there keeps all that it holds."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for kind, name in FILES.items():
        file = folder / name
        text = file.read_text(encoding="utf-8") if file.exists() else f"{_HEADS[kind]}\n"
        lines = [
            f"# {entry}  # {', '.join(each['places'])}"
            for each in found
            if each["kind"] == kind and (entry := f"{json.dumps(each['id'])}:") not in text
        ]
        if lines or not file.exists():
            file.touch(mode=0o600)
            file.write_text("\n".join([text.rstrip("\n"), *lines, ""]), encoding="utf-8")


def main(root: str, dags: str, folder: str) -> None:
    with document() as found:
        try:
            found["missing"] = missing(Path(root), Path(dags), Path(folder))
        except RefusedError as refused:
            sys.exit(str(refused))
        write(found["missing"], Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
