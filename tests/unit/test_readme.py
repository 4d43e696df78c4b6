"""What documents tell people to type exists, what they link to is there, and their lists are those of the program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from cli.app import app
from stacks.roles import BUILT_IN, CUSTOM, GrantableRole
from tests.recordings import graph_of

ROOT = Path(__file__).parents[2]
README, AZURE = ROOT / "README.md", ROOT / "docs" / "azure.md"
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("[!.]*/README.md")]
)
EACH = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def typed(document: Path) -> Iterator[str]:
    """What a document tells to type: code in a line and indented blocks, a command that goes on joined to one line.

    Fenced blocks show what is printed.
    """
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    joined = text.replace("\\\n", " ")
    yield from re.findall(r"`([^`\n]+)`", joined)
    yield from (line.strip() for line in joined.splitlines() if line.startswith("    "))


def commands(document: Path, program: str) -> list[str]:
    """Arguments of each call of `program` that the document tells to type."""
    call = re.compile(rf"(?:^|[\s(])(?:\.venv/bin/)?{program} ([^`#;)]+)")
    return [found[1] for text in typed(document) if (found := call.search(text))]


def targets(document: Path) -> set[str]:
    """Of this project's Makefile; pages for authors speak of that of their own repository too."""
    files = [
        ROOT / "Makefile",
        *([ROOT / "dags" / "starter" / "Makefile"] if document.parent.name == "authors" else []),
    ]
    return {found for file in files for found in re.findall(r"^([a-z]+):", file.read_text(), flags=re.MULTILINE)}


def unknown_words(arguments: str) -> list[str]:
    """What `ariel` would not understand of a command line: verbs and options; values are not judged."""
    command: click.Command = typer.main.get_command(app)
    words = arguments.replace("...", "").split()
    while words and hasattr(command, "commands"):
        verb = words.pop(0)
        if verb.startswith("-"):
            return [] if verb in ("--help",) else [verb]
        for name in verb.split("|"):
            if name not in command.commands:
                return [name]
        command = command.commands[verb.split("|")[0]]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return [word for word in words if word.startswith("-") and word not in {*options, "--help"}]


@EACH
def test_no_document_tells_to_make_what_the_makefile_does_not_know(document: Path) -> None:
    told = [word for arguments in commands(document, "make") for word in arguments.split() if word.islower()]
    assert [word for word in told if word.isalpha() and word not in targets(document)] == []


@EACH
def test_no_document_tells_to_type_what_ariel_does_not_know(document: Path) -> None:
    assert {line: wrong for line in commands(document, "ariel") if (wrong := unknown_words(line))} == {}


@EACH
def test_no_link_leads_nowhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (document.parent / link).exists()] == []


@EACH
def test_no_document_names_a_file_that_is_gone(document: Path) -> None:
    """Paths from the root, in code; what begins with a dot or holds a wildcard is not judged."""
    rooms = "stacks|components|infra|sandbox|cli|tests|docs"
    paths = re.findall(rf"`((?:{rooms})/[\w./-]+\.(?:py|md|json|svg|yaml))`", document.read_text(encoding="utf-8"))
    assert [path for path in paths if not (ROOT / path).exists() and not (document.parent / path).exists()] == []


def test_the_examples_are_found_at_all() -> None:
    assert "up" in commands(README, "make")
    assert any(line.startswith("tenant add night-shift --owner") for line in commands(README, "ariel"))
    assert len(commands(AZURE, "ariel")) >= 3


@pytest.mark.parametrize("line", ["upp", "up --stak local", "tenant ad x", "--verbose"])
def test_a_wrong_command_would_be_found(line: str) -> None:
    assert unknown_words(line)


def test_the_deployers_condition_lists_the_roles_that_the_program_assigns() -> None:
    listed = dict(re.findall(r"roles\+?=,?([0-9a-f-]{36})\s+# (.+)", AZURE.read_text(encoding="utf-8")))
    names = {guid: name for name, guid in (BUILT_IN | CUSTOM).items()}
    assigned = {
        each.inputs["roleDefinitionId"].rsplit("/", 1)[-1]
        for stack in ("dev", "prod")
        for each in graph_of(stack).of("RoleAssignment")
    }
    grantable = {BUILT_IN[role.value] for role in GrantableRole}
    assert assigned
    assert listed == {guid: name for guid, name in names.items() if guid in assigned | grantable}


def test_the_first_up_makes_everything_outside_the_cluster() -> None:
    listed = re.findall(r"for part in ([\w ]+);", AZURE.read_text(encoding="utf-8"))
    graph = graph_of("prod")
    outside = {
        [each, *graph.ancestors(each)][-1].type.rsplit(":", 1)[-1]
        for each in graph.resources
        if each.type.startswith(("azure-native:", "random:"))
    }
    assert [part.split() for part in listed] == [sorted(outside)]
