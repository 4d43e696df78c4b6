"""The servicer: what the engine asks, answered through the table and the emulated ARM."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from google.protobuf.empty_pb2 import Empty

from sandbox.plugins.azure_native.body import covers, from_arm, keep_shared, plain_name, project, to_arm
from sandbox.plugins.azure_native.check import check
from sandbox.plugins.azure_native.client import ArmClient
from sandbox.plugins.azure_native.configuration import Configuration
from sandbox.plugins.azure_native.deadline import Deadline
from sandbox.plugins.azure_native.drift import given_or_reconstructed, reconstruction, refreshed
from sandbox.plugins.azure_native.functions import invoke
from sandbox.plugins.azure_native.preview import certain_outputs
from sandbox.plugins.azure_native.resource_type import ResourceType
from sandbox.plugins.azure_native.types import TABLE
from sandbox.plugins.differences import Change, compare, diff_response
from sandbox.plugins.failures import IncompleteError, PluginError
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.provider import Plugin
from sandbox.plugins.values import Secret, Unknown, decode, encode, rewrap, unwrap

_LOOK_SECONDS = 60.0  # to find out what is there after an operation has failed


class AzureNative(Plugin):
    """One process; its methods run in many threads at once."""

    version = "3.29.0"

    def __init__(self, engine_address: str = "") -> None:
        super().__init__(engine_address)
        self._configured: Configuration | None = None

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's names
        """Raises PluginError when the emulated ARM is not named in the environment."""
        self._configured = Configuration.of(unwrap(decode(request.args)))
        return super().Configure(request, context)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs, failures = check(_row(request), decode(request.news), self._configuration.location)
        return provider_pb2.CheckResponse(
            inputs=encode(inputs),
            failures=[provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in failures],
        )

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        row = _row(request)
        new = decode(request.news)
        old, imported = given_or_reconstructed(decode(request.old_inputs))
        changes = compare(_comparable(old), _comparable(new))
        if imported:
            changes = [change for change in changes if not _is_azures_own(row, change, new)]
        stays = _same_id(row, unwrap(old), unwrap(new))
        return diff_response(changes, lambda change: _forces_new(row, change), delete_before_replace=stays)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses what exists already, as the published provider does."""
        row, inputs = _row(request), decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(certain_outputs(row, inputs)))
        resource_id = self._resource_id(row, inputs)
        deadline = self._deadline(request.timeout)
        client = self._configuration.client
        if not row.singleton and client.get(resource_id, row.api_version, deadline) is not None:
            raise PluginError(f"cannot create already existing resource '{resource_id}'")
        outputs = self._write(row, resource_id, inputs, deadline, fresh=not row.singleton)
        return provider_pb2.CreateResponse(id=resource_id, properties=encode(outputs))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        row, inputs = _row(request), decode(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode(certain_outputs(row, inputs)))
        outputs = self._write(row, request.id, inputs, self._deadline(request.timeout), fresh=False)
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """For refresh (the engine sends the state's inputs) and import (it sends none)."""
        row = _row(request)
        if row.parse(request.id) is None:
            raise PluginError(f"id of {row.type}: {request.id}: its form is {row.path}: give the id that Azure shows")
        body = self._configuration.client.get(request.id, row.api_version, self._deadline(0))
        if body is None:
            return provider_pb2.ReadResponse()
        given = decode(request.inputs)
        outputs = _outputs(row, body, given)
        if given:
            inputs = refreshed(row, given, decode(request.properties), outputs)
        else:
            inputs = reconstruction({**(row.parse(request.id) or {}), **project(row, outputs)})
        return provider_pb2.ReadResponse(id=request.id, properties=encode(outputs), inputs=encode(inputs))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        row = _row(request)
        client, deadline = self._configuration.client, self._deadline(request.timeout)
        if row.delete == "delete":
            client.delete(request.id, row.api_version, deadline)
        elif row.delete == "reset":
            _reset(client, row, request.id, deadline)
        return Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        result = invoke(request.tok, unwrap(decode(request.args)), self._configuration, self._deadline(0))
        return provider_pb2.InvokeResponse(**{"return": encode(result)})

    @property
    def _configuration(self) -> Configuration:
        if self._configured is None:
            raise PluginError("azure-native: used before Configure; the engine always configures first")
        return self._configured

    def _deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, self.cancelled)

    def _resource_id(self, row: ResourceType, inputs: Mapping[str, Any]) -> str:
        return row.resource_id({**unwrap(inputs), "subscriptionId": self._configuration.subscription_id})

    def _write(
        self, row: ResourceType, resource_id: str, inputs: Mapping[str, Any], deadline: Deadline, *, fresh: bool
    ) -> dict[str, Any]:
        """PUT and wait; returns the outputs. `fresh`: the resource did not exist before this call.

        Raises IncompleteError when the resource is there in the end although its operation failed or took too long.
        """
        client, plain = self._configuration.client, unwrap(inputs)
        if row.shared and not fresh:
            plain = keep_shared(row, plain, client.get(resource_id, row.api_version, deadline))

        def is_applied(current: Mapping[str, Any]) -> bool:
            # Before an update the same values may have been there: only a fresh resource proves that it was our PUT.
            return fresh and covers(row, current, plain)

        answer = client.put(resource_id, row.api_version, deadline, to_arm(row, plain), is_applied)
        try:
            body = client.settled(resource_id, row.api_version, answer, deadline)
        except PluginError as failure:
            left = client.get(resource_id, row.api_version, Deadline(_LOOK_SECONDS, threading.Event()))
            if left is None:
                raise
            raise IncompleteError(resource_id, str(failure), _outputs(row, left, inputs), inputs) from failure
        return _outputs(row, body, inputs)


def _row(request: Any) -> ResourceType:
    """The table's row for a request; raises PluginError for a type that the table does not have."""
    token = request.type or request.urn.split("::")[2].rsplit("$", 1)[-1]
    row = TABLE.get(token)
    if row is None:
        raise PluginError(
            f"type {token}: not known to the sandbox: only {len(TABLE)} types are modelled:"
            " add a row in sandbox/plugins/azure_native/types and its rules in sandbox/arm, or use another type"
        )
    return row


def _outputs(row: ResourceType, body: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What the state keeps of ARM's answer; secret where the inputs are."""
    flat = {key: value for key, value in from_arm(row, body).items() if key != "id"}
    return rewrap({**flat, "azureApiVersion": row.api_version}, {key: inputs[key] for key in inputs if key in flat})


def _comparable(inputs: Mapping[str, Any]) -> dict[str, Any]:
    location = inputs.get("location")
    return {**inputs, "location": plain_name(location)} if isinstance(location, str) else dict(inputs)


def _dotted(change: Change) -> str:
    return ".".join(part for part in change.path if isinstance(part, str))


def _forces_new(row: ResourceType, change: Change) -> bool:
    top, path = change.path[0], _dotted(change)
    if top in row.parameters or (top == "location" and "location" in row.envelope):
        return True
    return any(path == forced or path.startswith(f"{forced}.") for forced in row.force_new) or any(
        forced.startswith(f"{path}.") for forced in row.force_new
    )


def _is_azures_own(row: ResourceType, change: Change, new: Mapping[str, Any]) -> bool:
    """Whether a difference from an import's reconstruction is no difference: Azure's own values, and unreadable ones.

    A secret cannot be read back, so nobody knows whether it is the same: it is written again.
    """
    if change.kind == "DELETE":
        return True
    given: Any = new
    for part in change.path:
        if isinstance(given, Secret):
            return False
        given = given[part]
    return change.kind == "ADD" and _dotted(change) in row.write_only and not isinstance(given, Secret)


def _same_id(row: ResourceType, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether old and new would have the same ARM id; a part that is not known yet counts as the same."""
    return all(old.get(name) == new.get(name) or isinstance(new.get(name), Unknown) for name in row.parameters)


def _reset(client: ArmClient, row: ResourceType, resource_id: str, deadline: Deadline) -> None:
    """Put a server parameter back to its default, which is what deleting one means."""
    current = client.get(resource_id, row.api_version, deadline)
    if current is None:
        return
    body = {"properties": {"value": current["properties"].get("defaultValue"), "source": "system-default"}}
    answer = client.put(resource_id, row.api_version, deadline, body, lambda _: False)
    client.settled(resource_id, row.api_version, answer, deadline)
