"""The document of mistakes says what the tests do, and its files are the mistakes that they are called."""

from __future__ import annotations

import pytest

from tests import mistakes


def test_the_document_of_mistakes_is_up_to_date() -> None:
    fresh = mistakes.DOCUMENT.read_text() == mistakes.document()
    assert fresh, f"docs/mistakes.md is stale: run `{mistakes.COMMAND}`"


def test_each_mistake_says_what_it_does_and_who_sees_it() -> None:
    every = [*mistakes.FILES.values(), *mistakes.FATAL.values(), *mistakes.REQUESTS.values(), mistakes.EXECUTOR]
    cells = [cell for each in every for cell in (each.what, each.effect, each.seen, each.held)]
    assert [cell for cell in cells if not cell or "\n" in cell or "|" in cell] == []


@pytest.mark.parametrize("name", sorted({*mistakes.FILES, *mistakes.FATAL} - {"syntax"}))
def test_only_the_syntax_error_is_one(name: str) -> None:
    """A mistake that Python does not even read would prove nothing but Airflow's parser."""
    compile({**mistakes.FILES, **mistakes.FATAL}[name].text, name, "exec")


def test_the_file_of_all_requests_can_be_read() -> None:
    text = mistakes.request_file("weather.all", mistakes.REQUESTS, mistakes.WITHOUT_POLICIES)
    compile(text, "all", "exec")
