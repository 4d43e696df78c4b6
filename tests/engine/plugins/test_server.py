"""The process that the engine starts: its port, its end, and how failures travel."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from sandbox.plugins.failures import IncompleteError, PluginError
from sandbox.plugins.protocol import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc, status_pb2
from sandbox.plugins.provider import Plugin
from sandbox.plugins.server import start
from sandbox.plugins.values import Secret, decode
from sandbox.processes import Identity

ROOT = Path(__file__).parents[3]
EXECUTABLES = sorted((ROOT / "sandbox" / "plugins" / "bin").glob("*/pulumi-resource-*"))


def stub(port: int) -> Any:
    return provider_pb2_grpc.ResourceProviderStub(grpc.insecure_channel(f"127.0.0.1:{port}"))


class Failing(Plugin):
    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise IncompleteError("/id/1", "half made", {"key": Secret("s")}, {"size": 3})

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise PluginError("the text for the person")


def test_there_are_executables() -> None:
    assert EXECUTABLES


@pytest.mark.parametrize("executable", EXECUTABLES, ids=lambda path: path.name)
def test_an_executable_answers_from_any_folder_and_ends_at_once_when_told(executable: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "ARIEL_PYTHON": sys.executable}
    command = [str(executable), "127.0.0.1:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path, env=environment) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert stub(port).GetPluginInfo(Empty()).version.count(".") == 2
        process.terminate()
        process.wait(5)


def test_a_plugin_does_not_outlive_an_engine_that_was_killed(tmp_path: Path) -> None:
    engine = textwrap.dedent(f"""
        import subprocess, sys, time
        child = subprocess.Popen([{str(EXECUTABLES[0])!r}, "127.0.0.1:1"], stdout=subprocess.PIPE)
        child.stdout.readline()
        print(child.pid, flush=True)
        time.sleep(60)
    """)
    environment = {**os.environ, "ARIEL_PYTHON": sys.executable}
    with subprocess.Popen([sys.executable, "-c", engine], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        plugin = int(process.stdout.readline())
        process.kill()
    for _ in range(100):
        if Identity.of(plugin) is None:
            return
        time.sleep(0.1)
    os.kill(plugin, 9)
    raise AssertionError("the plug-in still runs 10 s after its engine was killed")


def test_a_failure_reaches_the_engine_with_its_own_words() -> None:
    server, port = start(Failing())
    try:
        with pytest.raises(grpc.RpcError) as failed:
            stub(port).Delete(provider_pb2.DeleteRequest())
        assert failed.value.details() == "the text for the person"
        assert failed.value.code() == grpc.StatusCode.UNKNOWN
    finally:
        server.stop(None)


def test_a_half_made_resource_reaches_the_engine_with_id_and_properties() -> None:
    server, port = start(Failing())
    try:
        with pytest.raises(grpc.RpcError) as failed:
            stub(port).Create(provider_pb2.CreateRequest())
    finally:
        server.stop(None)
    metadata = dict(failed.value.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("/id/1", ["half made"])
    assert decode(detail.properties) == {"key": Secret("s")}
    assert decode(detail.inputs) == {"size": 3}


def test_a_warning_reaches_the_engine_at_its_resource() -> None:
    seen = []

    class Engine(engine_pb2_grpc.EngineServicer):
        def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
            seen.append((request.severity, request.urn, request.message))
            return Empty()

    server = grpc.server(ThreadPoolExecutor(1))
    engine_pb2_grpc.add_EngineServicer_to_server(Engine(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        Plugin(f"127.0.0.1:{port}").warn("urn:x", "pods are not awaited")
        Plugin().warn("urn:x", "nobody listens")
    finally:
        server.stop(None)
    assert seen == [(engine_pb2.WARNING, "urn:x", "pods are not awaited")]


def test_the_protocol_loads_without_the_sdk_and_the_sdk_still_loads_after_it() -> None:
    program = (
        "import sys; from sandbox.plugins.protocol import provider_pb2 as ours; assert 'pulumi' not in sys.modules;"
        "import pulumi; from pulumi.runtime.proto import provider_pb2; assert provider_pb2 is ours"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
