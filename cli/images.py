"""`ariel images`: what the pods run, built here and pushed to the registry of an environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from cli import child_images, console, production_images
from cli.image_pins import pinned, write_pins
from cli.options import AsJson, Environment, Live
from cli.repository import find_repository
from cli.session import Session, open_session
from cli.workspace import stack_file
from sandbox.report import Report
from sandbox.rootfs import images
from sandbox.rootfs.child import ChildImage
from sandbox.rootfs.definition import load_all
from stacks.errors import Problem, UsageError
from stacks.naming import Kind, Names
from stacks.settings import EnvironmentClass

images_app = typer.Typer(no_args_is_help=True, help="List, build and push the images that the pods run.")

Folder = Annotated[Path, typer.Option("--folder", help="Where archives for a real registry are kept.")]
RealStack = Annotated[str, typer.Option("--stack", "-s", help="Name of the stack whose registry takes them.")]

ARCHIVES = Path(".ariel/images")


@images_app.command("list")
def list_images(as_json: AsJson = False) -> None:
    """Show the sandbox's images as this checkout describes them, built or not."""
    described = images.planned()
    if as_json:
        found = {name: {"reference": one.reference, "archive": str(one.archive)} for name, one in described.items()}
        print(json.dumps(found, indent=2))
        return
    rows = [(name, one.repository, one.version_tag, _size(one.archive)) for name, one in described.items()]
    console.out.print(console.table("images of the sandbox", ("image", "repository", "tag", "archive"), rows))


@images_app.command("build")
def build_images(
    live: Live = False,
    folder: Folder = ARCHIVES,
    push: Annotated[bool, typer.Option("--push", help="In a team's repository: bring them to --env as well.")] = False,
    env: Environment = "local",
) -> None:
    """Build what is missing: for the sandbox from Debian's packages, with --live by Docker for a real registry.

    In a team's repository its child images, whose tags are written into images/lock.json; else the platform's images.
    """
    report = console.ProgressReport()
    if repository := find_repository(Path.cwd()):
        children = child_images.of(repository)
        if live:
            _build_live(children, open_session(env, live=True), repository.root / folder, push, report)
        else:
            _build_here(children, open_session(env) if push else None, report)
        child_images.write_lock(repository.root, children)
        console.out.print(f"{child_images.LOCK} names them; commit it", markup=False)
        return
    if push:
        raise _not_in_repository()
    if live:
        archives = [production_images.build(image, folder, report).file for image in load_all().values()]
    else:
        archives = [image.archive for image in images.ensure_images(report).values()]
    for archive in archives:
        print(archive)


@images_app.command("push")
def push_images(stack: RealStack, folder: Folder = ARCHIVES) -> None:
    """Push what `build --live` made to the stack's registry, and write tags and digests into the stack file."""
    session = open_session(stack, live=True)
    registry = _registry(session)
    report, pins = console.ProgressReport(), {}
    for name, image in load_all().items():
        archive = production_images.planned(image, folder)
        if not archive.file.exists():
            raise _not_built(archive.file)
        repository = pinned(session.settings, name).repository
        pins[name] = production_images.push(archive, registry, repository, report)
    file = stack_file(session.root, stack)
    write_pins(file, pins)
    console.out.print(
        f"{file.name} names what was pushed; `ariel preview --live --stack {stack}` shows what it changes"
    )


def _build_live(children: Mapping[str, ChildImage], session: Session, folder: Path, push: bool, report: Report) -> None:
    registry = _registry(session)
    for name, archive in child_images.build(children, registry, folder, report).items():
        if push:
            production_images.push(archive, registry, children[name].repository, report)
        print(archive.file)


def _build_here(children: Mapping[str, ChildImage], session: Session | None, report: Report) -> None:
    """With a session for its sandbox's node as well."""
    for image in children.values():
        built = images.ensure_child(image, report)
        if session:
            print(session.sandbox.take_image(built, child_images.tag(image), session.settings, report))
        else:
            print(built.archive)


def _registry(session: Session) -> str:
    """Name of the stack's registry; the sandbox's is emulated and keeps nothing."""
    settings = session.settings
    if settings.class_ is EnvironmentClass.SANDBOX:
        raise UsageError(
            [
                Problem(
                    path="--stack",
                    value=session.stack,
                    rule="a stack with a real registry; a stack of class sandbox imports its images by itself",
                    action="give another stack, or run `ariel images build` to build those of the sandbox",
                )
            ]
        )
    return Names(organisation=settings.organisation, stack=settings.stack).of(Kind.REGISTRY)


def _not_built(file: Path) -> UsageError:
    return UsageError(
        [
            Problem(
                path="--folder",
                value=f"{file}: not there",
                rule="the archives of this checkout's images",
                action="run `ariel images build --live`, with the same folder, first",
            )
        ]
    )


def _not_in_repository() -> UsageError:
    return UsageError(
        [
            Problem(
                path="--push",
                value=str(Path.cwd()),
                rule="in a team's repository, whose child images it brings to an environment",
                action="change into one; the platform's own images are pushed by `ariel images push`",
            )
        ]
    )


def _size(archive: Path) -> str:
    return f"{archive.stat().st_size / 1e6:.1f} MB" if archive.exists() else "not built"
