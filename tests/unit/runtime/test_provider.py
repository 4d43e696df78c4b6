"""What Airflow makes of the runtime as one of its providers."""

from __future__ import annotations

from importlib.metadata import version

from airflow.api_fastapi.core_api.services.public.providers import _provider_mapper
from airflow.providers_manager import ProvidersManager


def test_an_environment_tells_the_runtimes_version_among_its_providers() -> None:
    """`ariel dags check` compares it with its own; otherwise a change of the runtime goes unsaid."""
    told = _provider_mapper(ProvidersManager().providers["ariel-runtime"])
    assert (told.package_name, told.version) == ("ariel-runtime", version("ariel-runtime"))
