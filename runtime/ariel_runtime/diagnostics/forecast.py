"""Today's weather at a place, from Open-Meteo (https://open-meteo.com/en/docs): text from outside the platform.

Where a sandbox answers in the place of the service, its answer says so (`note`), and so does the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ariel_runtime.diagnostics.report import LONGEST_TEXT, Finding, State
from ariel_runtime.refusal import Problem, RefusedError

FORECAST: Final = "forecast"
_URL: Final = "https://api.open-meteo.com/v1/forecast"
_HIGHEST: Final = "temperature_2m_max"
_LOWEST: Final = "temperature_2m_min"
_SECONDS: Final = 20.0


class Place(NamedTuple):
    """Where; in degrees, north and east positive (WGS 84)."""

    name: str
    latitude: float
    longitude: float


def forecast_at(place: Place, _: Any) -> Finding:
    """Asks the service. Raises httpx.HTTPError where it does not answer, RefusedError where it answers otherwise."""
    import httpx

    query = {
        "latitude": str(place.latitude),
        "longitude": str(place.longitude),
        "daily": f"{_HIGHEST},{_LOWEST}",
        "timezone": "UTC",
        "forecast_days": "1",
    }
    answer = httpx.get(_URL, params=query, timeout=_SECONDS)
    answer.raise_for_status()
    return Finding(part=FORECAST, state=State.OK, text=sentence(place.name, answer.json()))


def sentence(name: str, answer: Mapping[str, Any]) -> str:
    """What the answer says in words. Raises RefusedError where it is no forecast."""
    try:
        day, highest, lowest = (answer["daily"][key][0] for key in ("time", _HIGHEST, _LOWEST))
        unit = answer["daily_units"][_HIGHEST]
    except (KeyError, IndexError, TypeError) as error:
        rule = f"a forecast with `daily` values ({type(error).__name__}: {error})"
        action = "see whether something else answers under that name"
        raise RefusedError([Problem(path=_URL, value=answer, rule=rule, action=action)]) from None
    note = answer.get("note")
    return f"{name} on {day}: {lowest} to {highest} {unit}{f' ({note})' if note else ''}"[:LONGEST_TEXT]
