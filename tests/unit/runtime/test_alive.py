"""The liveness probe of a tenant's Airflow processes. That it passes for a living pod is shown by the cluster tier."""

from __future__ import annotations

from pathlib import Path

import pytest
from ariel_runtime import alive

from sandbox import ports


def test_a_probe_without_a_database_fails_and_keeps_the_password_to_itself(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    connection = tmp_path / "connection"
    nobody_listens = ports.KeptPorts(tmp_path / "ports.json").get("nobody")
    connection.write_text(f"postgresql+psycopg2://ariel_dagproc:hidden-word@127.0.0.1:{nobody_listens}/airflow")
    assert alive.main(["DagProcessorJob", str(connection)]) == 1
    said = "".join(capfd.readouterr())
    assert "the database gives no answer" in said
    assert "hidden-word" not in said
