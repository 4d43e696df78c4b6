"""Log lines of the platform's own processes, as a program that reads them sees them."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
from ariel_runtime.json_logs import log_as_json


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers.clear()
    made = io.StringIO()
    monkeypatch.setattr(sys, "stdout", made)
    log_as_json()
    yield made
    root.handlers[:], root.level = before


def test_each_record_is_one_line_with_the_keys_of_airflows(output: io.StringIO) -> None:
    logging.getLogger("ariel_runtime.git_mirror").info("Serving %s\nof %s", "abc", "häfen")
    (line,) = map(json.loads, output.getvalue().splitlines())
    assert (line["level"], line["event"]) == ("info", "Serving abc\nof häfen")
    assert line["logger"] == "ariel_runtime.git_mirror"
    assert line["timestamp"].endswith("+00:00")


def test_a_traceback_stays_with_its_line(output: io.StringIO) -> None:
    try:
        raise ValueError("no such branch")
    except ValueError:
        logging.getLogger("ariel").exception("Not served")
    (line,) = map(json.loads, output.getvalue().splitlines())
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: no such branch")


def test_azures_libraries_log_no_headers(output: io.StringIO) -> None:
    logging.getLogger("azure.core.pipeline").info("Request headers: Authorization")
    assert output.getvalue() == ""
