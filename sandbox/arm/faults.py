"""The fault schedule: which requests go wrong, how, and how often."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from sandbox.arm.errors import ArmError
from sandbox.arm.limits import Limits

ACTIONS: dict[str, dict[str, Any]] = {
    "fail": {"status": 500, "code": "InternalServerError", "message": "The fault schedule says so."},
    "create-then-500": {"code": "InternalServerError", "message": "The write was applied; the answer was lost."},
    "delay": {"seconds": 1.0},
    "throttle": {"retry_after": 1},
    "lro-fail": {"code": "InternalServerError", "message": "The fault schedule ended this operation."},
    "drop": {"when": "before"},
}
"""Actions and the defaults of their settings. `drop` closes the connection "before" or "after" applying the request."""

MATCHES = ("method", "type", "path", "name")


@dataclass(kw_only=True)
class Fault:
    """`match` holds globs without regard to case; the first `skip` matching requests pass, the next `times` do not.

    `times` None: all of them, until the schedule is replaced or ended.
    """

    match: dict[str, str]
    action: str
    settings: dict[str, Any]
    times: int | None = 1
    skip: int = 0

    def hits(self, method: str, kind: str, path: str) -> bool:
        seen = {"method": method, "type": kind, "path": path, "name": path.rsplit("/", 1)[-1]}
        if not all(fnmatch(seen[key].lower(), glob.lower()) for key, glob in self.match.items()):
            return False
        if self.times is not None and self.times <= 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def show(self) -> dict[str, Any]:
        return {"match": self.match, "action": self.action, **self.settings, "times": self.times, "skip": self.skip}


@dataclass(frozen=True, kw_only=True)
class IssuedTokens:
    """What Entra's tokens are like: those of managed identities live for a day; a directory's claims make them longer.

    Source: managed identities, frequently asked questions (tokens are cached and live for 24 hours).
    """

    lifetime_seconds: float = 86_400
    extra_bytes: int = 0


@dataclass(kw_only=True)
class Schedule:
    """The faults in order; the first that hits a request decides. `limits` and `tokens` are those in force."""

    faults: list[Fault] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    tokens: IssuedTokens = field(default_factory=IssuedTokens)

    def strike(self, method: str, kind: str, path: str) -> Fault | None:
        return next((fault for fault in self.faults if fault.hits(method, kind, path)), None)

    def show(self) -> dict[str, Any]:
        return {
            "rules": [fault.show() for fault in self.faults],
            "limits": asdict(self.limits),
            "tokens": asdict(self.tokens),
        }


def read_schedule(document: Any, limits: Limits) -> Schedule:
    """`{"rules": [...], "limits": {...}, "tokens": {...}}` or the list of rules alone.

    Raises ArmError 400 InvalidFault.
    """
    whole = {"rules": document} if isinstance(document, list) else document
    if not isinstance(whole, dict) or set(whole) - {"rules", "limits", "tokens"}:
        raise _invalid("$", document, 'must be a list of rules or an object with "rules", "limits" and "tokens"')
    faults = [_fault(i, rule) for i, rule in enumerate(whole.get("rules") or [])]
    return Schedule(
        faults=faults,
        limits=replace(limits, **_numbers(whole, "limits", Limits)),
        tokens=IssuedTokens(**_numbers(whole, "tokens", IssuedTokens)),
    )


def load_schedule(path: Path) -> Schedule:
    return read_schedule(json.loads(path.read_text()), Limits())


def _numbers(whole: dict[str, Any], section: str, shape: type[Limits | IssuedTokens]) -> dict[str, Any]:
    known = {item.name for item in fields(shape)}
    asked = whole.get(section) or {}
    for name, value in asked.items():
        if name not in known or not isinstance(value, int | float):
            raise _invalid(f"{section}.{name}", value, f"must be a number named one of {', '.join(sorted(known))}")
    return dict(asked)


def _fault(index: int, rule: Any) -> Fault:
    place = f"rules[{index}]"
    if not isinstance(rule, dict) or rule.get("action") not in ACTIONS:
        raise _invalid(f"{place}.action", rule, f"must be one of {', '.join(ACTIONS)}")
    match, action = rule.get("match") or {}, rule["action"]
    if not isinstance(match, dict) or set(match) - set(MATCHES):
        raise _invalid(f"{place}.match", match, f"may hold {', '.join(MATCHES)}")
    unknown = set(rule) - {"match", "action", "times", "skip"} - set(ACTIONS[action])
    if unknown:
        raise _invalid(f"{place}.{min(unknown)}", rule[min(unknown)], f"is no setting of action '{action}'")
    times = rule.get("times", 1)
    if times is not None and not isinstance(times, int):
        raise _invalid(f"{place}.times", times, "must be a whole number, or null: until the schedule is ended")
    settings = {name: rule.get(name, default) for name, default in ACTIONS[action].items()}
    return Fault(match=match, action=action, settings=settings, times=times, skip=rule.get("skip", 0))


def _invalid(place: str, value: Any, rule: str) -> ArmError:
    return ArmError(400, "InvalidFault", f"{place}: {value!r} {rule}. Correct the fault schedule and send it again.")
