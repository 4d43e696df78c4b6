"""One stack, driven by the real engine through its Automation API with the program inline."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation import EngineEvent

from cli.adoption import Adoptions, adopting
from cli.plan import Plan
from cli.state import StackState
from stacks.errors import EngineError, Problem

PROJECT_NAME = "ariel"
OnEvent = Callable[[EngineEvent], None]


class Engine:
    """Preview, up and destroy of one stack.

    `work_dir` holds `Pulumi.yaml` and the stack's file; `environment` is what the engine's process gets on top of ours.
    Raises `EngineError` with the engine's own messages when it refuses or fails.
    """

    def __init__(self, stack: str, work_dir: Path, environment: Mapping[str, str], program: Callable[[], None]) -> None:
        self.name = stack
        self._program = program
        self._work_dir = work_dir
        self._environment = dict(environment)
        # The engine's command is looked up on our own PATH.
        os.environ["PATH"] = environment.get("PATH", os.environ.get("PATH", os.defpath))
        self._stack = automation.create_or_select_stack(
            stack_name=stack,
            project_name=PROJECT_NAME,
            program=program,
            opts=automation.LocalWorkspaceOptions(work_dir=str(work_dir), env_vars=dict(environment)),
        )

    def adopt(self, adoptions: Adoptions) -> None:
        """Lets the next runs import these instead of making them."""
        self._stack.workspace.program = adopting(self._program, adoptions)

    def preview(self, on_event: OnEvent | None = None, **options: Any) -> Plan:
        """What `up` would do. `options` go to the Automation API (`target`, `refresh`, ...)."""
        return self._run("preview", self._stack.preview, on_event, options, Plan())

    def up(self, on_event: OnEvent | None = None, **options: Any) -> Plan:
        """Makes the world as the program says.

        What Azure accepted and then ended as failed is tried once more: it stands half-made, and to update it is how
        Azure goes on.
        """
        options, first = {"show_secrets": False, **options}, Plan()
        try:
            return self._run("up", self._stack.up, on_event, options, first)
        except EngineError:
            if not self.state().half_made:
                raise
        return first.and_then(self._run("up", self._stack.up, on_event, options, Plan()))

    def destroy(self, on_event: OnEvent | None = None, **options: Any) -> Plan:
        """Deletes everything in the stack's state."""
        return self._run("destroy", self._stack.destroy, on_event, {"show_secrets": False, **options}, Plan())

    def refresh(self, on_event: OnEvent | None = None, **options: Any) -> Plan:
        """Brings the state in line with what really is there."""
        return self._run("refresh", self._stack.refresh, on_event, {"show_secrets": False, **options}, Plan())

    def state(self) -> StackState:
        return StackState.of(self._stack.export_stack())

    def import_state(self, state: StackState) -> None:
        """Replaces the state. Raises EngineError.

        By the command's standard input: the Automation API's own way goes through a file with every secret in clear,
        which stays in the folder of temporary files when the command fails.
        """
        answer = subprocess.run(
            ["pulumi", "stack", "import", "--stack", self.name, "--non-interactive"],
            cwd=self._work_dir,
            env=os.environ | self._environment,
            input=json.dumps({"version": state.version, "deployment": state.content}),
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise EngineError([self._failure("import of the state", _tail(answer.stderr))])

    def release_lock(self) -> None:
        """Removes the backend's lock which a killed engine left behind."""
        self._stack.cancel()

    def _run(
        self, verb: str, call: Callable[..., Any], on_event: OnEvent | None, options: dict[str, Any], plan: Plan
    ) -> Plan:
        """The plan, filled with what happens, also where that ends in an error."""

        def record(event: EngineEvent) -> None:
            plan.record(event)
            if on_event is not None:
                on_event(event)

        try:
            call(on_event=record, color="never", suppress_progress=True, **options)
        except automation.errors.ConcurrentUpdateError as error:
            raise EngineError([self.busy(verb)]) from error
        except automation.errors.CommandError as error:
            raise EngineError(self._failures(verb, plan, error)) from None
        return plan

    def busy(self, verb: str) -> Problem:
        """What to tell whoever comes second."""
        return Problem(
            path=f"stack {self.name}",
            value=f"`{verb}` while another update of the stack runs",
            rule="one update of a stack at a time",
            action="wait for the other one to end, then run the same command again",
        )

    def _failures(self, verb: str, plan: Plan, error: automation.errors.CommandError) -> list[Problem]:
        return [self._failure(verb, message) for message in plan.errors or [_tail(str(error))]]

    def _failure(self, verb: str, message: str) -> Problem:
        return Problem(
            path=f"stack {self.name}, {verb}",
            value=message,
            rule="every resource reaches the state that the program says",
            action="mend what the message names and run the same command again; it goes on where it stopped",
        )


def underlying_command(verb: str, stack: str, options: Mapping[str, Any]) -> str:
    """The `pulumi` command that does the same, for people to learn it; `options` are those of the Automation API."""
    words = ["pulumi", verb, "--stack", stack]
    for target in options.get("target", ()):
        words += ["--target", target]
    if options.get("refresh"):
        words.append("--refresh")
    return shlex.join(words)


def _tail(text: str, lines: int = 20) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
