"""The weather service of the sandbox: one recorded answer in Open-Meteo's format, whoever asks for whichever place.

The pods of a sandbox reach no internet. `forecast.json` is example data, and its field `note`, which the real service
does not have, says so to whoever reads the answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

HOST: Final = "api.open-meteo.com"
_ANSWER: Final = Path(__file__).with_suffix(".json")
_REQUIRED: Final = ("latitude", "longitude", "daily")


def app() -> Starlette:
    """Answers `/v1/forecast` for a request that the real service would understand."""
    return Starlette(routes=[Route("/v1/forecast", _forecast)])


def _forecast(request: Request) -> Response:
    if missing := [name for name in _REQUIRED if name not in request.query_params]:
        return JSONResponse({"error": True, "reason": f"Parameter {missing[0]} is required"}, 400)
    return Response(_ANSWER.read_bytes(), media_type="application/json")
