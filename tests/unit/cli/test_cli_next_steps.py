"""What `ariel up` says to do next."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.session import Session
from cli.tables import next_steps
from sandbox.network import network

STACK_FILE = Path(__file__).parents[3] / "Pulumi.local.yaml"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    shutil.copy(STACK_FILE, tmp_path)
    return Session(tmp_path, "local")


def test_who_has_made_a_platform_is_told_where_its_pages_are_and_how_to_sign_in(session: Session) -> None:
    network(session.sandbox.paths.root)
    told = next_steps(session)
    assert f"https://airflow.localhost:{session.sandbox.ingress.port}\n" in told
    assert "get secret ariel-admin -n airflow" in told


def test_nobody_is_sent_to_a_page_that_no_pod_serves(session: Session) -> None:
    told = next_steps(session)
    assert "https://" not in told
    assert "ariel-admin" not in told
    assert "ariel kubeconfig" in told


def test_nobody_is_sent_to_the_sandbox_after_work_on_azure(session: Session) -> None:
    session.live = True
    network(session.sandbox.paths.root)
    assert "kubeconfig" not in next_steps(session)
