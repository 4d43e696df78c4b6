"""Property values survive the trip through the engine's protocol, and secrets stay secret."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.plugins.values import (
    UNKNOWN,
    Secret,
    contains_secret,
    contains_unknown,
    decode,
    encode,
    rewrap,
    unwrap,
)

EVERYTHING: dict[str, Any] = {
    "text": "a",
    "empty": "",
    "count": 3,
    "share": 0.5,
    "flag": True,
    "nothing": None,
    "list": [1, "b", {"deep": [False]}],
    "empty list": [],
    "empty map": {},
    "secret": Secret({"inner": "x", "later": UNKNOWN}),
    "unknown": UNKNOWN,
}


def test_no_value_changes_on_its_way_to_the_engine_and_back() -> None:
    assert decode(encode(EVERYTHING)) == EVERYTHING


def test_a_whole_number_does_not_reach_azure_as_a_float() -> None:
    assert isinstance(decode(encode({"count": 3}))["count"], int)


def test_a_secret_is_not_shown_when_printed() -> None:
    assert "x" not in repr(Secret("x"))


def test_a_value_without_a_wire_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        encode({"odd": object()})


def test_unknowns_and_secrets_are_found_at_any_depth() -> None:
    assert contains_unknown([{"a": Secret(UNKNOWN)}])
    assert contains_secret({"a": [Secret(1)]})
    assert not contains_unknown({"a": ["b"]})
    assert not contains_secret({"a": ["b"]})


def test_unwrapping_leaves_unknowns() -> None:
    assert unwrap({"a": Secret([Secret(1), UNKNOWN])}) == {"a": [1, UNKNOWN]}


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": Secret(1)}, {"a": Secret(1), "b": 2}),
        ([1, 2], [Secret(1), 2], [Secret(1), 2]),
        ([1, 2, 3], [Secret(1), 2], Secret([1, 2, 3])),
        ({"a": {"id": "x"}}, {"a": [Secret("x")]}, {"a": Secret({"id": "x"})}),
        ({"a": 1}, {"a": 1}, {"a": 1}),
    ],
)
def test_an_echoed_secret_never_reaches_the_state_in_plain_text(value: Any, pattern: Any, expected: Any) -> None:
    assert rewrap(value, pattern) == expected
