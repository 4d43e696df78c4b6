"""A helm run that outlasts the plug-in's look at the cancel flag."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from sandbox.plugins.kubernetes import helm

SLOW = """#!/bin/sh
sleep 0.5
cat
"""


def test_a_slow_helm_run_still_gets_its_values_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "helm"
    binary.write_text(SLOW)
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(helm, "_CANCEL_CHECK_SECONDS", 0.05)
    assert helm.Helm("", "", threading.Event())._run(["template"], {"key": "value"}) == '{"key": "value"}'
