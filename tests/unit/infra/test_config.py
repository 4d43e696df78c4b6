"""What a person writes into a stack's configuration arrives as it is meant, or is refused with its path."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.errors import SettingsError
from tests.recordings import raw_settings, record_settings


def refused(**changes: Any) -> SettingsError:
    with pytest.raises(SettingsError) as refusal:
        record_settings("dev", {**raw_settings("dev"), **changes})
    return refusal.value


@pytest.mark.parametrize("text", ["{not json", "[1, 2"])
def test_a_block_written_as_broken_json_is_refused_with_its_path_and_without_a_trace(text: str) -> None:
    (problem,) = (each for each in refused(network=text).problems if each.path == "network")
    assert text in problem.value
    assert problem.rule
    assert problem.action


def test_a_text_that_begins_like_a_list_is_judged_as_the_text_that_it_is() -> None:
    (problem,) = (each for each in refused(contact="[nobody").problems if each.path == "contact")
    assert "[nobody" in problem.value
