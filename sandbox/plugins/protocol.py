"""The engine's protobuf modules, imported without the rest of the Pulumi SDK.

`import pulumi.runtime.proto...` runs `pulumi/__init__.py`, which takes about a second (automation API, tracing).
The engine starts every plug-in in every run, so that second would be on the path of each `preview` and `up`. The three
parent packages are therefore stood in by empty ones while the generated modules load, and taken away again, so that a
later `import pulumi` in the same process (tests) works and shares the same message classes.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

_PACKAGES = ("pulumi", "pulumi.runtime", "pulumi.runtime.proto")


def _load(names: tuple[str, ...]) -> Any:
    """Import generated modules by their last name; raises ModuleNotFoundError when the SDK is not installed."""
    if _PACKAGES[0] in sys.modules:
        return [importlib.import_module(f"{_PACKAGES[-1]}.{name}") for name in names]
    spec = importlib.util.find_spec(_PACKAGES[0])
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pulumi: the Python SDK is not installed in this interpreter; set ARIEL_PYTHON")
    root = Path(spec.origin).parent.parent
    for package in _PACKAGES:
        stand_in = types.ModuleType(package)
        stand_in.__path__ = [str(root.joinpath(*package.split(".")))]
        sys.modules[package] = stand_in
    try:
        return [importlib.import_module(f"{_PACKAGES[-1]}.{name}") for name in names]
    finally:
        for package in _PACKAGES:
            del sys.modules[package]


provider_pb2, provider_pb2_grpc, plugin_pb2, status_pb2, engine_pb2, engine_pb2_grpc = _load(
    ("provider_pb2", "provider_pb2_grpc", "plugin_pb2", "status_pb2", "engine_pb2", "engine_pb2_grpc")
)
