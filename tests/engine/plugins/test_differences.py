"""What counts as a change, and how the engine is told."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.plugins.differences import Change, compare, diff_response, render
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.values import UNKNOWN, Secret

Kind = provider_pb2.PropertyDiff


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": 1}, {"a": Secret(1)}),
        ({"a": [Secret({"b": 1})]}, {"a": [{"b": 1}]}),
        ({"a": None}, {}),
        ({"a": {"b": None}}, {"a": {}}),
        ({"a": 1}, {"a": 1.0}),
    ],
)
def test_what_is_the_same_causes_no_update(old: Any, new: Any) -> None:
    assert compare(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ({}, {"a": 1}, Change(("a",), "ADD")),
        ({"a": 1}, {}, Change(("a",), "DELETE")),
        ({"a": 1}, {"a": True}, Change(("a",), "UPDATE")),
        ({"a": "1"}, {"a": 1}, Change(("a",), "UPDATE")),
        ({"a": [1, 2]}, {"a": [1]}, Change(("a", 1), "DELETE")),
        ({"a": [1]}, {"a": [1, 2]}, Change(("a", 1), "ADD")),
        ({"a": [{"b": 1}]}, {"a": [{"b": UNKNOWN}]}, Change(("a", 0, "b"), "UPDATE")),
        ({"a": {"b": 1}}, {"a": [1]}, Change(("a",), "UPDATE")),
        ({"a": {}}, {"a": {"b": False}}, Change(("a", "b"), "ADD")),
    ],
)
def test_every_change_is_seen(old: Any, new: Any, change: Change) -> None:
    assert compare(old, new) == [change]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("tags", "a"), "tags.a"),
        (("rules", 0, "name"), "rules[0].name"),
        (("labels", "kubernetes.io/name"), 'labels["kubernetes.io/name"]'),
        (("a.b",), '["a.b"]'),
        (("a", 'say "x"\\'), 'a["say \\"x\\"\\\\"]'),
    ],
)
def test_a_path_is_written_as_the_engine_reads_it(path: Any, text: str) -> None:
    assert render(path) == text


def test_the_engine_learns_which_change_replaces() -> None:
    changes = [Change(("a",), "UPDATE"), Change(("b", 0), "ADD"), Change(("b", 1), "DELETE")]
    response = diff_response(changes, lambda change: change.path[0] == "b", delete_before_replace=True)
    assert response.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(response.diffs) == ["a", "b"]
    assert list(response.replaces) == ["b[0]", "b[1]"]
    assert response.deleteBeforeReplace
    kinds = {path: detail.kind for path, detail in response.detailedDiff.items()}
    assert kinds == {"a": Kind.UPDATE, "b[0]": Kind.ADD_REPLACE, "b[1]": Kind.DELETE_REPLACE}


def test_an_update_does_not_delete_first() -> None:
    response = diff_response([Change(("a",), "UPDATE")], lambda _: False, delete_before_replace=True)
    assert not response.deleteBeforeReplace


def test_no_change_is_no_diff() -> None:
    assert diff_response([], lambda _: True).changes == provider_pb2.DiffResponse.DIFF_NONE
