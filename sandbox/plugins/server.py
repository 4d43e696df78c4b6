"""Serves one plug-in to the engine: one process for all providers of a package in a run.

The engine starts the executable with its own address as the only argument, reads the port from the first line of
standard output, and ends the process with a signal when the run is over. Should the engine die, the process ends by
itself.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from sandbox.plugins.failures import IncompleteError, PluginError
from sandbox.plugins.protocol import provider_pb2_grpc
from sandbox.plugins.provider import Plugin

# The engine's default is 4 x processors; a person may ask for more (`--parallel`). Threads start only when needed.
_THREADS = 128
_PARENT_CHECK_SECONDS = 0.5


class _FailuresToStatus(grpc.ServerInterceptor):
    """Turns raised failures into the statuses that the engine understands."""

    def intercept_service(self, continuation: Callable[..., Any], details: Any) -> Any:
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler

        def call(request: Any, context: Any) -> Any:
            try:
                return handler.unary_unary(request, context)
            except IncompleteError as failure:
                context.set_trailing_metadata((("grpc-status-details-bin", failure.details()),))
                context.abort(grpc.StatusCode.UNKNOWN, str(failure))
            except PluginError as failure:
                context.abort(grpc.StatusCode.UNKNOWN, str(failure))

        return grpc.unary_unary_rpc_method_handler(
            call, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
        )


def start(plugin: Plugin) -> tuple[grpc.Server, int]:
    """Listen on a free loopback port; returns the running server and the port."""
    server = grpc.server(
        ThreadPoolExecutor(max_workers=_THREADS),
        interceptors=(_FailuresToStatus(),),
        options=(("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)),
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def serve(make: Callable[[str], Plugin]) -> None:
    """Main function of a plug-in executable; `make(engine_address)` builds the servicer. Ends with the engine."""
    # Python's own handlers would wait for running calls; the engine waits for the process and then kills it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = os.getppid()
    _, port = start(make(sys.argv[1] if len(sys.argv) > 1 else ""))
    print(port, flush=True)
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    os._exit(0)
