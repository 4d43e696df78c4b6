"""How many wrong proofs of a webhook are too many, and what it costs to remember them."""

from __future__ import annotations

import sys

from ariel_runtime.delivery.guesses import MOST_PER_MINUTE, Guesses


def test_guesses_are_too_many_until_the_minute_ends() -> None:
    now = 0.0
    guesses = Guesses(clock=lambda: now)
    assert [guesses.add("weather") for _ in range(MOST_PER_MINUTE + 1)] == [False] * MOST_PER_MINUTE + [True]
    now = 59.9
    assert guesses.add("weather")
    assert not guesses.add("mobility"), "of another team"
    now = 60.0
    assert not guesses.add("weather")


def test_names_that_somebody_invents_fill_no_memory() -> None:
    guesses = Guesses(clock=lambda: 0)
    for number in range(20_000):
        guesses.add(f"{number}\ud800")
    assert sys.getsizeof(guesses._counts) < 2**20
    assert len(guesses._counts) < 5_000
