"""The one recording harness: runs a program without an engine and gives back the resource graph as plain data.

`record` stands in for the engine's resource monitor, so it sees what the engine would see of each resource, its options
included. It drains everything that the program has begun before it returns; an error in an `apply`, a duplicate name
and a call that nobody answers end the recording. Two recordings in one process share nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gc
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockSettings
from pulumi.runtime.proto import engine_pb2, resource_pb2
from pulumi.runtime.settings import ROOT, SETTINGS, configure
from pulumi.runtime.stack import run_in_stack

from tests import answers

PROJECT: Final = "ariel"
UNKNOWN: Final = "<unknown>"
"""Stands in plain data where a preview does not know a value yet."""

Path = tuple[str | int, ...]


class RecordingError(AssertionError):
    """The program did what an engine would refuse, or what a recording cannot answer."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One resource as the engine would have been told of it; `parent`, `provider` and `depends_on` are URNs."""

    type: str
    name: str
    urn: str
    custom: bool
    id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    secrets: frozenset[Path] = frozenset()
    """Where in `inputs` a value is secret; everything below such a place is."""
    parent: str | None = None
    """None for a child of the stack itself."""
    provider: str | None = None
    """None where the default provider of the package is used."""
    depends_on: frozenset[str] = frozenset()
    """Explicit dependencies and those by values."""
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    component_outputs: Mapping[str, Any] = field(default_factory=dict)
    """What a component registers as its outputs; a custom resource has none of these."""
    secret_component_outputs: frozenset[Path] = frozenset()
    finished: bool = False
    """Whether it registers outputs, empty ones included."""

    def __str__(self) -> str:
        return f"{self.type} {self.name}"

    def is_secret(self, *path: str | int) -> bool:
        """Whether the value at `path` of the inputs is secret, by itself or as part of something that is."""
        return any(path[:length] in self.secrets for length in range(len(path) + 1))


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A recorded program: resources in the order of type and name, and what it exports."""

    stack: str
    resources: tuple[Recorded, ...]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    secret_outputs: frozenset[Path] = frozenset()

    def of(self, *types: str) -> list[Recorded]:
        """The resources of these types (`azure-native:keyvault:Vault`; the end `keyvault:Vault` is enough)."""
        return [each for each in self.resources if any(each.type == t or each.type.endswith(f":{t}") for t in types)]

    def one(self, type_: str, name: str) -> Recorded:
        """The resource of that type and logical name. Raises RecordingError with the names that there are."""
        found = [each for each in self.of(type_) if each.name == name]
        if len(found) != 1:
            raise RecordingError(f"no {type_} {name}; there are {[each.name for each in self.of(type_)]}")
        return found[0]

    def by_urn(self) -> dict[str, Recorded]:
        return {each.urn: each for each in self.resources}

    def before(self, resource: Recorded) -> set[str]:
        """URNs of all that is made before `resource`: what it depends on, its component, what that one depends on."""
        known, found, waiting = self.by_urn(), set[str](), [*resource.depends_on, resource.parent]
        while waiting:
            urn = waiting.pop()
            if urn is not None and urn not in found:
                found.add(urn)
                waiting.extend([*known[urn].depends_on, known[urn].parent] if urn in known else ())
        return found

    def ancestors(self, resource: Recorded) -> Iterator[Recorded]:
        """The component in which it stands, that one's component, and so on."""
        known = self.by_urn()
        while resource.parent is not None:
            resource = known[resource.parent]
            yield resource


def record(
    program: Callable[[], object],
    *,
    preview: bool = False,
    stack: str = "test",
    config: Mapping[str, Any] | None = None,
) -> Graph:
    """Runs `program` as stack `stack` and returns what it would have made.

    `config` maps full keys (`ariel:class`) to values as YAML gives them. With `preview` nothing is known that only a
    provider could tell. Raises RecordingError, and whatever the program or one of its `apply` functions raises.
    """
    monitor = _Monitor(stack, preview)
    engine = _Engine()
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (config or {}).items()}

    def run() -> None:
        features = set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures)
        configure(
            MockSettings(
                monitor=monitor,
                monitor_features=features,
                engine=engine,
                project=PROJECT,
                stack=stack,
                dry_run=preview,
                organization="organization",
                callbacks=None,
                outputs=set(),
                lock=threading.Lock(),
                package_refs={},
                base_providers_by_ref={},
            )
        )
        ROOT.set(None)
        set_all_config(texts, [])
        _drain(program)

    contextvars.copy_context().run(run)
    if monitor.refusals or engine.errors:
        raise RecordingError("\n".join([*monitor.refusals, *engine.errors]))
    resources = [_with_outputs(each, monitor.registered.get(each.urn)) for each in monitor.resources]
    outputs, secret_outputs = monitor.registered[_urn(stack, "", "pulumi:pulumi:Stack", f"{PROJECT}-{stack}")]
    return Graph(
        stack=stack,
        resources=tuple(sorted(resources, key=lambda each: (each.type, each.name))),
        outputs=outputs,
        secret_outputs=secret_outputs,
    )


def _with_outputs(resource: Recorded, registered: tuple[dict[str, Any], frozenset[Path]] | None) -> Recorded:
    if registered is None:
        return resource
    outputs, secrets = registered
    return replace(resource, component_outputs=outputs, secret_component_outputs=secrets, finished=True)


def _drain(program: Callable[[], object]) -> None:
    """Runs the program on a loop of its own until nothing that it has begun is left; what it raises ends it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Tens of thousands of living tasks, which each collection would walk through for nothing.
    gc.disable()
    try:
        loop.run_until_complete(run_in_stack(lambda: _finished(program)))
    except BaseException:
        # The first error is the answer; what hangs on it would be reported a hundred times.
        loop.set_exception_handler(lambda *_: None)
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        raise
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()
        gc.enable()


async def _finished(program: Callable[[], object]) -> None:
    """Runs the program and waits for what it has begun; the first failure ends the wait.

    The SDK waits too, but asks all pending outputs again after each that is done, which takes minutes for a few hundred
    resources; it then finds nothing left. What the program returns is dropped: a component would be awaited.
    """
    program()
    while pending := {*SETTINGS.outputs, *SETTINGS.rpc_manager.rpcs}:
        SETTINGS.outputs.clear()
        SETTINGS.rpc_manager.rpcs.clear()
        done, running = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
        SETTINGS.outputs.update(task for task in running if isinstance(task, asyncio.Task))
        for task in done:
            task.result()


class _Engine:
    """Collects what the program logs as errors."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def Log(self, request: Any) -> empty_pb2.Empty:  # noqa: N802 - the engine's interface
        if request.severity == engine_pb2.ERROR:
            self.errors.append(request.message)
        return empty_pb2.Empty()


class _Monitor:
    """The engine's resource monitor; its methods are called from several threads. Names are those of the protocol."""

    def __init__(self, stack: str, preview: bool) -> None:
        self.resources: list[Recorded] = []
        self.registered: dict[str, tuple[dict[str, Any], frozenset[Path]]] = {}
        self.refusals: list[str] = []
        self._stack, self._preview = stack, preview
        self._lock = threading.Lock()
        self._names: set[tuple[str, str]] = set()
        self._subscriptions: dict[str, str] = {}

    def RegisterResource(self, request: Any) -> resource_pb2.RegisterResourceResponse:  # noqa: N802
        urn = _urn(self._stack, request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        with self._lock:
            if (request.type, request.name) in self._names:
                self._refuse(f"two resources {request.type} are named {request.name}: give each a name of its own")
            self._names.add((request.type, request.name))
        raw = json_format.MessageToDict(request.object)
        inputs, secrets = plain(raw)
        physical_id, raw_outputs = self._answer(request, urn, raw, inputs)
        outputs, _ = plain(raw_outputs)
        with self._lock:
            self.resources.append(
                Recorded(
                    type=request.type,
                    name=request.name,
                    urn=urn,
                    custom=request.custom,
                    id=physical_id,
                    inputs=inputs,
                    outputs=outputs,
                    secrets=secrets,
                    parent=None if request.parent.split("::")[2:3] == ["pulumi:pulumi:Stack"] else request.parent,
                    provider=request.provider.rpartition("::")[0] or None,
                    depends_on=frozenset(request.dependencies),
                    protect=request.protect,
                    retain_on_delete=request.retainOnDelete,
                    delete_before_replace=request.deleteBeforeReplace,
                    ignore_changes=tuple(request.ignoreChanges),
                    replace_on_changes=tuple(request.replaceOnChanges),
                )
            )
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id="" if self._preview else physical_id, object=_struct(raw_outputs)
        )

    def _answer(
        self, request: Any, urn: str, raw: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Physical id and outputs, with the protocol's marks of secrets."""
        if not request.custom:
            return "", {}
        if request.type.startswith("pulumi:providers:"):
            provider_id = answers.guid(urn)
            with self._lock:
                self._subscriptions[f"{urn}::{provider_id}"] = str(inputs.get("subscriptionId", ""))
            return provider_id, dict(raw)
        if self._preview:
            # Known maps would hide what a provider adds to them, such as a vault's address.
            certain = request.type.startswith("kubernetes:")
            return "", {k: v for k, v in raw.items() if certain or not isinstance(v, dict) or _is_marked(v)}
        subscription = self._subscriptions.get(request.provider) or answers.DEFAULT_SUBSCRIPTION
        try:
            physical_id = answers.resource_id(request.type, urn, inputs, subscription)
            found = answers.read_only_outputs(request.type, physical_id, urn, inputs)
        except answers.UnansweredError as reason:
            self._refuse(str(reason))
        secret = set(request.additionalSecretOutputs)
        marked = {key: _secret(value) if key in secret else value for key, value in found.items()}
        return physical_id, _merged(raw, marked)

    def Invoke(self, request: Any) -> resource_pb2.ResourceInvokeResponse:  # noqa: N802
        try:
            result = answers.invoke_result(request.tok)
        except answers.UnansweredError as reason:
            self._refuse(str(reason))
        return resource_pb2.ResourceInvokeResponse(**{"return": _struct(result)})

    def ReadResource(self, request: Any) -> None:  # noqa: N802
        self._refuse(f"{request.type} {request.name}: reads an existing resource, which no recording can answer")

    def RegisterResourceOutputs(self, request: Any) -> empty_pb2.Empty:  # noqa: N802
        with self._lock:
            self.registered[request.urn] = plain(json_format.MessageToDict(request.outputs))
        return empty_pb2.Empty()

    def SupportsFeature(self, request: Any) -> resource_pb2.SupportsFeatureResponse:  # noqa: N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id != "outputValues")

    def GetDeploymentInfo(self, _: Any) -> resource_pb2.DeploymentInfo:  # noqa: N802
        """Without output values: an unknown or secret stands in the inputs by its mark alone."""
        features = ("SECRETS", "RESOURCE_REFERENCES", "ALIAS_SPECS", "DELETED_WITH")
        numbers = [getattr(resource_pb2, f"RESOURCE_MONITOR_FEATURE_{feature}") for feature in features]
        return resource_pb2.DeploymentInfo(supportedFeatures=numbers)

    def RegisterPackage(self, _: Any) -> resource_pb2.RegisterPackageResponse:  # noqa: N802
        return resource_pb2.RegisterPackageResponse(ref="recorded")

    def SignalAndWaitForShutdown(self, _: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()

    def _refuse(self, reason: str) -> None:
        """Keeps the reason too: the SDK may swallow what is raised in a call that nobody waits for."""
        self.refusals.append(reason)
        raise RecordingError(reason)


def _urn(stack: str, parent: str, type_: str, name: str) -> str:
    above = parent.split("::")[2] if parent else ""
    qualified = type_ if above in ("", "pulumi:pulumi:Stack") else f"{above}${type_}"
    return f"urn:pulumi:{stack}::{PROJECT}::{qualified}::{name}"


def plain(raw: Any) -> tuple[Any, frozenset[Path]]:
    """The value without the protocol's marks, and the paths of what was marked secret. Whole numbers become `int`."""
    secrets: set[Path] = set()

    def walk(value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            signature = value.get(rpc._special_sig_key)
            if signature == rpc._special_secret_sig:
                secrets.add(path)
                return walk(value.get("value"), path)
            if signature == rpc._special_resource_sig:
                return value.get("urn")
            return {key: walk(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner, (*path, index)) for index, inner in enumerate(value)]
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return UNKNOWN if value == rpc.UNKNOWN else value

    return walk(raw, ()), frozenset(secrets)


def _is_marked(value: Mapping[str, Any]) -> bool:
    return rpc._special_sig_key in value


def _secret(value: Any) -> dict[str, Any]:
    return {rpc._special_sig_key: rpc._special_secret_sig, "value": value}


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(under))
    for key, value in over.items():
        below = merged.get(key)
        nested = isinstance(below, dict) and isinstance(value, dict) and not _is_marked(value)
        merged[key] = _merged(below, value) if nested else value
    return merged


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(values)
    return message
