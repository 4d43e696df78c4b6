"""When tokens are renewed: early enough, not all at once, and ever less often where it fails."""

from __future__ import annotations

from random import Random

import pytest
from ariel_runtime.token_refresher.renewal import Renewals, renewal_time, retry_pause
from ariel_runtime.tokens import Token

NOW = 1_000.0


class Chance(Random):
    """Always the same draw."""

    def __init__(self, draw: float) -> None:
        super().__init__()
        self._draw = draw

    def random(self) -> float:
        return self._draw


def token(lifetime: float = 3_600, refresh_in: float | None = None) -> Token:
    return Token(value="t", expires_on=NOW + lifetime, refresh_on=None if refresh_in is None else NOW + refresh_in)


@pytest.mark.parametrize(
    ("given", "draw", "seconds"),
    [
        (token(3_600), 0, 1_800),
        (token(3_600), 1, 1_620),
        (token(86_400, refresh_in=43_200), 0, 43_200),
        (token(86_400, refresh_in=600), 0, 600),
        (token(3_600, refresh_in=3_000), 0, 1_800),
        (token(-5), 0, 0),
        (token(3_600, refresh_in=-5), 1, 0),
    ],
)
def test_a_token_is_renewed_at_half_of_its_life_or_when_entra_asks_for_it(
    given: Token, draw: float, seconds: float
) -> None:
    assert renewal_time(given, NOW, Chance(draw)) == pytest.approx(NOW + seconds)


def test_an_endpoint_that_is_down_is_asked_ever_less_often_but_at_least_every_minute() -> None:
    assert [retry_pause(failures, Chance(0)) for failures in (1, 2, 3, 7, 10_000)] == [1, 2, 4, 60, 60]
    assert retry_pause(7, Chance(1)) == pytest.approx(54)


def test_a_new_role_is_due_at_once_and_the_longest_due_comes_first() -> None:
    renewals = Renewals(Chance(0))
    renewals.expect({"a": "1", "b": "2"})
    assert renewals.due(NOW) == ["a", "b"]
    renewals.failed("a", NOW)
    assert renewals.due(NOW) == ["b"]
    renewals.renewed("b", token(4), NOW)
    assert renewals.due(NOW + 2) == ["a", "b"]
    assert renewals.next_due() == NOW + 1


def test_a_failure_keeps_the_old_token() -> None:
    renewals = Renewals(Chance(0))
    renewals.expect({"a": "1"})
    renewals.renewed("a", token(60), NOW)
    renewals.failed("a", NOW + 30, refused_length=4_000)
    state = renewals.roles["a"]
    assert (state.rotations, state.failures, state.refused_length) == (1, 1, 4_000)
    assert list(renewals.tokens()) == ["a"]
    assert state.usable(NOW + 59)
    assert not state.usable(NOW + 60)


def test_a_removed_role_leaves_no_token_and_another_identity_begins_anew() -> None:
    renewals = Renewals(Chance(0))
    renewals.expect({"a": "1", "b": "2"})
    renewals.renewed("a", token(), NOW)
    renewals.renewed("b", token(), NOW)
    renewals.expect({"b": "another"})
    assert list(renewals.roles) == ["b"]
    assert not renewals.tokens()


def test_a_token_from_before_a_restart_is_used_and_renewed_at_once() -> None:
    renewals = Renewals(Chance(0))
    renewals.expect({"a": "1"})
    renewals.recalled("a", token(), NOW)
    renewals.recalled("of a role that went", token(), NOW)
    assert list(renewals.tokens()) == ["a"]
    assert renewals.due(NOW) == ["a"]
