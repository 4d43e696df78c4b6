"""What a plug-in raises; the server turns it into the engine's protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage

from sandbox.plugins.protocol import provider_pb2, status_pb2
from sandbox.plugins.values import encode

_UNKNOWN_CODE = 2  # google.rpc.Code.UNKNOWN: the engine shows the message as the resource's error


class PluginError(Exception):
    """An operation failed; the text is shown to the person who runs the engine."""


class IncompleteError(PluginError):
    """The resource exists, but did not become what was asked for.

    The engine keeps it in the state with `initErrors` and calls Update in the next run.
    `properties` are its outputs (with secret wrappers), `inputs` what it was created from.
    """

    def __init__(self, resource_id: str, reason: str, properties: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
        super().__init__(reason)
        self.resource_id = resource_id
        self.properties = properties
        self.inputs = inputs

    def details(self) -> bytes:
        """The value of the trailing metadata `grpc-status-details-bin`."""
        detail = provider_pb2.ErrorResourceInitFailed(
            id=self.resource_id, properties=encode(self.properties), reasons=[str(self)], inputs=encode(self.inputs)
        )
        packed = AnyMessage()
        packed.Pack(detail)
        return status_pb2.Status(code=_UNKNOWN_CODE, message=str(self), details=[packed]).SerializeToString()
