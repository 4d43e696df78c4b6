"""When each role's token is due: at half of its life, with jitter, and after a failure soon but ever less often.

Pure but for the random numbers, which are given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from ariel_runtime.tokens import Token

_JITTER: Final = 0.1
"""Of the time to the renewal: replicas and roles that started together do not ask together."""
_FIRST_RETRY: Final = 1.0
_LONGEST_RETRY: Final = 60.0


def renewal_time(token: Token, now: float, random: Random) -> float:
    """Half of what is left of its life, or what Entra asked for if that is earlier; up to a tenth sooner."""
    due = now + (token.expires_on - now) / 2
    if token.refresh_on is not None:
        due = min(due, token.refresh_on)
    return now + max(0.0, due - now) * (1 - _JITTER * random.random())


def retry_pause(failures: int, random: Random) -> float:
    """Seconds after so many failures in a row: 1, 2, 4, ... 60, up to a tenth sooner."""
    pause = min(_FIRST_RETRY * 2.0 ** min(failures - 1, 10), _LONGEST_RETRY)
    return pause * (1 - _JITTER * random.random())


@dataclass
class RoleState:
    """What is known of one role's token."""

    client_id: str
    token: Token | None = None
    obtained_at: float = 0.0
    due: float = 0.0
    """Unix time of the next attempt; 0 is at once."""
    rotations: int = 0
    failures: int = 0
    """In all, while the process lives."""
    failures_in_a_row: int = 0
    refused_length: int | None = None
    """Bytes of the last token, when it was too long to be written."""

    def usable(self, now: float) -> bool:
        return self.token is not None and self.token.expires_on > now


@dataclass
class Renewals:
    """The tokens of all roles."""

    random: Random
    roles: dict[str, RoleState] = field(default_factory=dict)

    def expect(self, client_ids: dict[str, str]) -> None:
        """Role -> client id: all there are from now on. A role with another identity begins anew."""
        for role in set(self.roles) - set(client_ids):
            del self.roles[role]
        for role, client_id in client_ids.items():
            if role not in self.roles or self.roles[role].client_id != client_id:
                self.roles[role] = RoleState(client_id)

    def due(self, now: float) -> list[str]:
        """Roles to be renewed now, the longest due first."""
        return sorted((role for role, state in self.roles.items() if state.due <= now), key=lambda r: self.roles[r].due)

    def next_due(self) -> float:
        return min((state.due for state in self.roles.values()), default=float("inf"))

    def renewed(self, role: str, token: Token, now: float) -> None:
        state = self.roles[role]
        state.token, state.obtained_at = token, now
        state.due = renewal_time(token, now, self.random)
        state.rotations += 1
        state.failures_in_a_row = 0
        state.refused_length = None

    def recalled(self, role: str, token: Token, now: float) -> None:
        """A token from before a restart, of unknown age: to be renewed soon, and used until then."""
        if role in self.roles:
            state = self.roles[role]
            state.token, state.obtained_at, state.due = token, now, now

    def failed(self, role: str, now: float, refused_length: int | None = None) -> None:
        """No token, or one that was refused; the old one stays."""
        state = self.roles[role]
        state.failures += 1
        state.failures_in_a_row += 1
        state.refused_length = refused_length
        state.due = now + retry_pause(state.failures_in_a_row, self.random)

    def tokens(self) -> dict[str, Token]:
        """By role, also an expired one: its alias stays, and with it the server connections that are open."""
        return {role: state.token for role, state in self.roles.items() if state.token}
