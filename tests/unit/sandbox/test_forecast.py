"""The sandbox's weather service: nobody takes its recorded answer for the weather."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from ariel_runtime.diagnostics.forecast import Place, forecast_at
from starlette.testclient import TestClient

from sandbox import forecast


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[httpx.URL]:
    """What the diagnostics ask for, of the sandbox's service instead of the real one."""
    urls: list[httpx.URL] = []
    client = TestClient(forecast.app(), base_url=f"https://{forecast.HOST}")

    def get(url: str, *, params: Any, timeout: float) -> httpx.Response:
        urls.append(httpx.URL(url))
        answer = client.get(url, params=params)
        return httpx.Response(answer.status_code, content=answer.content, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)
    return urls


def test_the_text_says_that_no_weather_service_was_asked(asked: list[httpx.URL]) -> None:
    text = forecast_at(Place("Hamburg", 53.55, 9.99), None).text
    assert text.startswith("Hamburg on 2026-11-21: 3.1 to 8.4 °C (recorded example of 2026-11-21")
    assert [url.host for url in asked] == [forecast.HOST], "another host is asked than the sandbox answers for"


def test_a_request_that_the_real_service_refuses_is_refused() -> None:
    answer = TestClient(forecast.app()).get("/v1/forecast", params={"latitude": "1"})
    assert (answer.status_code, json.loads(answer.content)["error"]) == (400, True)
