"""One command's work on one stack: the right Azure, the right folder, the engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from cli import console
from cli.azure import Azure
from cli.engine import Engine, underlying_command
from cli.plan import Plan
from cli.platform import RUN_SECONDS, Platform, PlatformError, Run, administrator_password
from cli.project import find_root
from cli.protection import refuse_protected
from cli.recovery import release_stale_lock, settle_pending_creates
from cli.renames import refuse_renames
from cli.state import StackState
from cli.vaults import VAULT, adopt_vaults, purge_deleted
from cli.workspace import sandbox_workspace, stack_file
from components.namespace import PLATFORM
from sandbox import toolchain
from sandbox.landscape import assumed, registrations
from sandbox.lifecycle import Sandbox
from stacks import load
from stacks.errors import Problem, UsageError
from stacks.settings import EnvironmentClass, Settings
from stacks.tenant import Tenant

TOKEN_VARIABLE: Final = "ARIEL_TOKEN"  # noqa: S105 - the name of a variable
"""Holds a token of Airflow's API, for platforms in Azure."""
DIAGNOSTICS: Final = ".diagnostics"
"""Ends the id of the DAG that each tenant has (`ariel_runtime.diagnostics`); the slug begins it."""


def open_session(stack: str, *, live: bool = False) -> Session:
    """A session on `stack` of the current folder's project. Raises UsageError where there is none."""
    root = find_root()
    if root is None:
        raise UsageError(
            [
                Problem(
                    path="current folder",
                    value=str(Path.cwd()),
                    rule="a folder of an ariel project: one with a Pulumi.yaml, or below it",
                    action="change into the project and run the command again",
                )
            ]
        )
    if not stack_file(root, stack).exists():
        present = sorted(file.name.split(".")[1] for file in root.glob("Pulumi.*.yaml"))
        raise UsageError(
            [
                Problem(
                    path="--stack",
                    value=stack,
                    rule=f"a stack with a file: {', '.join(present) or 'none here'}",
                    action=f"give one of these, or write {stack_file(root, stack).name}",
                )
            ]
        )
    return Session(root, stack, live=live)


def tenant_of(session: Session, slug: str) -> Tenant:
    """What the stack file says of the tenant. Raises UsageError where it has none of that slug."""
    known = session.settings.tenants.get(slug)
    if known is None:
        rule = f"one of {', '.join(session.settings.tenants)}"
        raise UsageError([Problem(path="--tenant", value=slug, rule=rule, action="see `ariel tenant list`")])
    return known


class Session:
    """Reads the stack file first, so that what is wrong with it is said before anything starts."""

    def __init__(self, root: Path, stack: str, *, live: bool = False) -> None:
        self.root, self.stack, self.live = root, stack, live
        self.sandbox = Sandbox(root, stack)

    @cached_property
    def settings(self) -> Settings:
        return load.load(self.stack, load.read_file(stack_file(self.root, self.stack)))

    def choose_cluster(self, kubeconfig: Path | None, context: str | None) -> None:
        """Lets the stack live in a cluster that somebody else runs. Raises SettingsError, UsageError, MachineError."""
        if problem := self._against_choice(kubeconfig, context):
            raise UsageError([problem])
        if kubeconfig is not None:
            self.sandbox.choose_cluster(kubeconfig, context, console.ProgressReport())

    def _against_choice(self, kubeconfig: Path | None, context: str | None) -> Problem | None:
        if kubeconfig is None and context is not None:
            return Problem(
                path="--context",
                value=f"{context} without `--kubeconfig`",
                rule="a context is one of a kubeconfig",
                action="give both, or none to use the cluster that the sandbox has",
            )
        if kubeconfig is not None and self.live:
            return Problem(
                path="--kubeconfig",
                value=f"{kubeconfig} together with `--live`",
                rule="in Azure a stack lives in the AKS cluster that it makes",
                action="leave one of the two out",
            )
        if kubeconfig is not None and self.settings.protect:
            return Problem(
                path="--kubeconfig",
                value=f"{kubeconfig} for {self.stack}, a stack that protects what holds data",
                rule="a stack that `ariel destroy` can take out of a cluster that is not the sandbox's",
                action="use a stack of class `sandbox` or `lower`, such as `local`",
            )
        return None

    def prepare(self, *, cluster: bool) -> None:
        """Checks the settings and starts what the engine needs. Raises SettingsError, MachineError."""
        assert self.settings
        if self.live:
            pulumi = toolchain.ensure(["pulumi"], console.ProgressReport())["pulumi"]
            os.environ["PATH"] = f"{pulumi.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        else:
            self.sandbox.start(cluster=cluster, report=console.ProgressReport(), settings=self.settings)
            if cluster:
                self._assume_others()

    def _assume_others(self) -> None:
        """Lets stand what the stack file names but does not make; a preview needs none of it and writes nothing."""
        for other in (*assumed(self.settings), *registrations(self.settings, self.sandbox.issuer)):
            if self._azure.find(other.id, other.api_version) is None:
                self._azure.put(other.id, other.api_version, other.body)

    @cached_property
    def engine(self) -> Engine:
        from infra.program import program

        if self.live:
            return Engine(self.stack, self.root, {}, program)
        place = self.sandbox.paths.root / "project"
        folder = sandbox_workspace(self.root, place, self.stack, self.sandbox.images)
        return Engine(self.stack, folder, self.sandbox.environment(), program)

    def preview(self, options: dict[str, Any]) -> Plan:
        state = self.engine.state()
        refuse_renames(state.exports.get("tenants", {}), self.settings.tenants)
        self.engine.adopt(adopt_vaults(self.settings, state.ids_of(VAULT), self._azure, bring_back=False))
        return self._watched("preview", options, self.engine.preview)

    def up(self, options: dict[str, Any]) -> Plan:
        state = self._recovered()
        refuse_renames(state.exports.get("tenants", {}), self.settings.tenants)
        vaults = state.ids_of(VAULT)
        self.engine.adopt(adopt_vaults(self.settings, vaults, self._azure, bring_back=True))
        plan = self._watched("up", options, self.engine.up)
        self._purge(plan, vaults)
        return plan

    def destroy(self) -> Plan:
        state = self._recovered()
        refuse_protected(self.stack, state.resources)
        plan = self._watched("destroy", {}, self.engine.destroy)
        self._purge(plan, state.ids_of(VAULT))
        return plan

    def wipe(self) -> None:
        """Removes the sandbox; what the stack has made in a cluster of somebody else goes before."""
        if self.sandbox.chosen and self.sandbox.paths.backend.exists() and self.engine.state().resources:
            self.prepare(cluster=True)
            self.destroy()
        self.sandbox.wipe(console.ProgressReport())

    def exports(self) -> dict[str, Any]:
        """What the last run exported; empty before the first."""
        if not self.live and not self.sandbox.paths.backend.exists():
            return {}
        return self.engine.state().exports

    @cached_property
    def platform(self) -> Platform | None:
        """The running Airflow; None in Azure, and where the sandbox has no node or never started."""
        ingress, kubeconfig = self.sandbox.ingress, self.sandbox.cluster().kubeconfig
        if self.live or self.sandbox.network is None or not ingress.authority.exists():
            return None
        host = self.settings.airflow.host
        password = partial(administrator_password, kubeconfig, PLATFORM)
        return Platform.in_sandbox(host, ingress.port, ingress.authority, password)

    def running_platform(self) -> Platform:
        """The stack's, by a token for it where one is given, else that of the sandbox. Raises UsageError.

        A sandbox that plays prod must not be taken for prod; a stack of class `sandbox` is nowhere else.
        """
        token = os.environ.get(TOKEN_VARIABLE)
        if token and self.settings.class_ is not EnvironmentClass.SANDBOX:
            return Platform.at(self.settings.airflow.host, token)
        if self.platform is not None:
            return self.platform
        rule = f"a platform that runs in the sandbox, or one in Azure with a token of its API in {TOKEN_VARIABLE}"
        action = f"run `ariel up --stack {self.stack}`, or set {TOKEN_VARIABLE}"
        raise UsageError([Problem(path="--env", value=self.stack, rule=rule, action=action)])

    def status(self) -> dict[str, Any]:
        """What `ariel status --json` prints; a contract."""
        components = [{"name": part.name, "ready": part.ready} for part in self.sandbox.status()]
        exported = self.exports().get("tenants", {})
        runs: Mapping[str, Run | None] = {}
        if self.platform is not None:
            found = self.platform.components()
            components += [{"name": name, "ready": ready} for name, ready in found.items()]
            with suppress(PlatformError):
                runs = self.platform.last_runs(exported)
        tenants = [
            {
                "slug": slug,
                "namespace": tenant["taskNamespace"],
                "last_run": run.as_json() if (run := runs.get(slug)) else None,
            }
            for slug, tenant in exported.items()
        ]
        return {"components": components, "tenants": tenants}

    def diagnose(self) -> None:
        """Wait for Airflow, and run the diagnostics of each tenant that never ran anything. Raises PlatformError."""
        if self.platform is None:
            return
        with console.err.status("wait for Airflow"):
            self.platform.until_ready()
        runs = self.platform.last_runs(self.settings.tenants, RUN_SECONDS)
        never = [slug for slug, run in runs.items() if run is None]
        for slug in never:
            with console.err.status(f"first run of {slug}{DIAGNOSTICS}"):
                self.platform.trigger(f"{slug}{DIAGNOSTICS}")

    @cached_property
    def _azure(self) -> Azure:
        if self.live:
            return Azure()
        arm = self.sandbox.arm
        return Azure(arm.endpoint, lambda: arm.token)

    def _recovered(self) -> StackState:
        """The state, once what a killed engine left is put right."""
        if not self.live and release_stale_lock(self.engine, self.sandbox.paths.backend):
            console.err.print("note: the last run was killed; its lock is released")
        state = self.engine.state()
        settled = settle_pending_creates(self.engine, state, self._azure, self.settings.azure.subscription_id)
        for urn in settled:
            console.err.print(f"note: a killed run was making {urn}; taken over as it is found", markup=False)
        return self.engine.state() if settled else state

    def _purge(self, plan: Plan, vaults: dict[str, str]) -> None:
        for name in purge_deleted(self.settings, plan, vaults, self._azure):
            console.err.print(f"note: vault {name} is purged, its name is free again")

    def _watched(self, verb: str, options: dict[str, Any], work: Callable[..., Plan]) -> Plan:
        where = "Azure" if self.live else "the sandbox"
        console.err.print(f"{underlying_command(verb, self.stack, options)}   (on {where})", markup=False)
        with console.engine_progress(f"{verb} of {self.stack}") as seen:
            return work(seen, **options)
