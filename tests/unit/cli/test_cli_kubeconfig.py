"""When `--kubeconfig` is refused before anything starts."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.session import Session
from sandbox.cluster.chosen import ChosenCluster, Identity
from stacks.errors import UsageError

ROOT = Path(__file__).parents[3]
FILE = Path("config")


@pytest.mark.parametrize(
    ("stack", "live", "kubeconfig", "context", "part"),
    [
        ("local", False, None, "kind-kind", "--context"),
        ("local", True, FILE, None, "--live"),
        ("prod", False, FILE, None, "protects what holds data"),
        ("local", False, FILE, None, "No such file"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_and_starts_nothing(
    tmp_path: Path, stack: str, live: bool, kubeconfig: Path | None, context: str | None, part: str
) -> None:
    shutil.copy(ROOT / f"Pulumi.{stack}.yaml", tmp_path)
    session = Session(tmp_path, stack, live=live)
    with pytest.raises(UsageError) as error:
        session.choose_cluster(kubeconfig, context)
    (problem,) = error.value.problems
    assert part in f"{problem.path} {problem.value}"
    assert problem.rule
    assert problem.action
    assert not session.sandbox.paths.root.exists()


def test_who_names_no_cluster_chooses_none(tmp_path: Path) -> None:
    session = Session(tmp_path, "local")
    session.choose_cluster(None, None)
    assert session.sandbox.chosen is None


@pytest.mark.parametrize(
    ("resources", "order"),
    [
        ([{"type": "kubernetes:core/v1:Namespace"}], ["prepare", "destroy", "wipe"]),
        ([], ["wipe"]),
    ],
)
def test_a_reset_destroys_first_what_stands_in_a_cluster_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resources: list[dict[str, str]], order: list[str]
) -> None:
    """Without the state nobody knows what of that cluster is the stack's."""
    session = Session(tmp_path, "local")
    session.sandbox.paths.backend.mkdir(parents=True)
    ChosenCluster(session.sandbox.paths.cluster).keep(Identity(uid="one", issuer="https://issuer.test/"), {})
    session.__dict__["engine"] = SimpleNamespace(state=lambda: SimpleNamespace(resources=resources))
    done: list[str] = []
    for place, verb in ((session, "prepare"), (session, "destroy"), (session.sandbox, "wipe")):
        monkeypatch.setattr(place, verb, lambda *_, verb=verb, **__: done.append(verb))
    session.wipe()
    assert done == order


def test_a_reset_of_a_cluster_of_its_own_destroys_nothing_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster goes with its objects; a stack that is broken could otherwise not be reset."""
    session = Session(tmp_path, "local")
    session.sandbox.paths.backend.mkdir(parents=True)
    monkeypatch.setattr(session, "destroy", lambda: pytest.fail("destroyed"))
    session.wipe()
    assert not session.sandbox.paths.root.exists()
