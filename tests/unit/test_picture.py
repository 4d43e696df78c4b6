"""The architecture picture shows what the program builds today."""

from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree

import pytest

from tests.picture import ARROWS, LEGEND, PICTURE, svg
from tests.picture_facts import Facts, gather

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def facts() -> Facts:
    return gather()


def words(picture: str) -> str:
    """All text of a picture."""
    return " | ".join(text.text or "" for text in ElementTree.fromstring(picture).iter(f"{SVG}text"))  # noqa: S314


def test_the_committed_picture_is_fresh(facts: Facts) -> None:
    assert PICTURE.read_text(encoding="utf-8") == svg(facts), "draw it again: .venv/bin/python -m tests.picture"


def test_every_fact_is_shown(facts: Facts) -> None:
    shown = words(svg(facts))
    wanted = [*facts.release, *facts.groups["platform"], *facts.groups["network"], *facts.groups[facts.tenant]]
    wanted += [name for names in facts.workloads.values() for name in names if name != "pgbouncer"]
    wanted += [text for account, identities, may in facts.rights for text in (account, identities, *may)]
    assert wanted
    assert [text for text in wanted if text not in shown] == []


def test_a_tenants_identity_is_shown_with_its_vault_only(facts: Facts) -> None:
    rights = " ".join(text for _, _, may in facts.rights for text in may)
    assert set(re.findall(r"\S+-vault", rights)) == {f"{facts.tenant}-vault"}


def test_a_new_workload_that_the_layout_cannot_place_is_an_error(facts: Facts) -> None:
    namespace = f"parse-{facts.tenant}"
    more = {**facts.workloads, namespace: (*facts.workloads[namespace], "another")}
    with pytest.raises(ValueError, match="shorter"):
        svg(dataclasses.replace(facts, workloads=more))


def test_every_number_has_its_line_in_the_legend() -> None:
    assert sum(at is not None for at, _ in ARROWS) == len(LEGEND)
