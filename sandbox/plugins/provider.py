"""The base of every plug-in: the engine's protocol with the answers that are the same for all packages.

A plug-in subclasses `Plugin`, sets `version` and overrides Check, Diff, Create, Read, Update, Delete and Invoke. The
methods take protobuf requests and return protobuf responses; failures are raised (`PluginError`, `IncompleteError`), so
a test may call them in-process with `None` as the context. They run in a thread pool: one call per thread.
"""

from __future__ import annotations

import threading
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from sandbox.plugins.protocol import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """Handshake, configuration and cancellation; owns nothing of any package."""

    version = "0.0.0"

    def __init__(self, engine_address: str = "") -> None:
        """`engine_address` is host:port of the engine's log service; empty where nobody listens (tests)."""
        self.engine_address = engine_address
        self.cancelled = threading.Event()

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Secrets arrive wrapped; resource references and output values are not wanted."""
        self.engine_address = request.engine_address or self.engine_address
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The version that `pulumi about` shows."""
        return plugin_pb2.PluginInfo(version=self.version)

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Provider inputs are taken as they are."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A changed provider configuration never replaces its resources."""
        same = request.old_inputs == request.news
        changes = provider_pb2.DiffResponse.DIFF_NONE if same else provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(changes=changes)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Preview is supported: Create and Update are called with `preview` set."""
        self.cancelled.clear()
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Inputs are taken as they are."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Called when a person interrupts the engine; `self.cancelled` ends waits."""
        self.cancelled.set()
        return Empty()

    def warn(self, urn: str, message: str) -> None:
        """Show a warning at a resource in the engine's output; no-op where no engine listens."""
        if not self.engine_address:
            return
        with grpc.insecure_channel(self.engine_address) as channel:
            request = engine_pb2.LogRequest(severity=engine_pb2.WARNING, message=message, urn=urn)
            engine_pb2_grpc.EngineStub(channel).Log(request)
