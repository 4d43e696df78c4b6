"""What an author may ask for: a message for everything else, and never an exception of another kind."""

from __future__ import annotations

from typing import Any

import pytest
from ariel_runtime.pod_request import SIZES, PodRequest, pod_request
from ariel_runtime.refusal import RefusedError
from kubernetes.client.models import V1Pod


class Hostile:
    """An object of the author's: whoever prints or compares it runs the author's code."""

    def __repr__(self) -> str:
        raise SystemExit

    def __eq__(self, other: object) -> bool:
        raise SystemExit

    __hash__ = object.__hash__


REFUSED: list[tuple[Any, str]] = [
    (["pod"], "executor_config: a value of type list"),
    ("KubernetesExecutor", "executor_config: 'KubernetesExecutor'"),
    (7, "executor_config: 7"),
    (Hostile(), "executor_config: a value of type Hostile"),
    ({"pod_override": V1Pod()}, "executor_config.pod_override: a value of type V1Pod"),
    ({"pod_override": Hostile()}, "executor_config.pod_override: a value of type Hostile"),
    ({"pod_template_file": "/usr/bin/env"}, "executor_config.pod_template_file: '/usr/bin/env'"),
    ({"pod_template_file": None}, "executor_config.pod_template_file: None"),
    ({"KubernetesExecutor": {"image": "x"}}, "executor_config.KubernetesExecutor: a value of type dict"),
    ({1: 2}, "executor_config: 1"),
    ({"ariel": None}, "executor_config.ariel: None"),
    ({"ariel": ["M"]}, "executor_config.ariel: a value of type list"),
    ({"ariel": {"namespace": "tasks-mobility"}}, "executor_config.ariel.namespace: 'tasks-mobility'"),
    ({"ariel": {"size": "XXL"}}, "one of S, M, L"),
    ({"ariel": {"size": []}}, "executor_config.ariel.size: a value of type list"),
    ({"ariel": {"size": None}}, "executor_config.ariel.size: None"),
    ({"ariel": {"identity": "../etl"}}, "executor_config.ariel.identity: '../etl'"),
    ({"ariel": {"identity": "e" * 21}}, "executor_config.ariel.identity"),
    ({"ariel": {"identity": True}}, "executor_config.ariel.identity: True"),
    ({"ariel": {"image": "has space"}}, "executor_config.ariel.image: 'has space'"),
    ({"ariel": {"image": "x" * 300}}, "..."),
    ({"ariel": {"labels": {"ariel.dev/tenant": "mobility"}}}, "executor_config.ariel.labels"),
    ({"ariel": {"labels": {"cost": 7}}}, "executor_config.ariel.labels"),
    ({"ariel": {"labels": {"cost": "-"}}}, "executor_config.ariel.labels"),
    ({"ariel": {"labels": {f"l{n}": "" for n in range(17)}}}, "at most 16"),
    ({"ariel": {}, "refused": 1}, "executor_config.refused: 1"),
    ({"refused": "what was wrong before"}, "what was wrong before"),
]


@pytest.mark.parametrize(("config", "text"), REFUSED, ids=range(len(REFUSED)))
def test_what_an_author_may_not_ask_for_is_refused_with_its_place(config: object, text: str) -> None:
    with pytest.raises(RefusedError) as refused:
        pod_request(config)
    assert text in str(refused.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(RefusedError) as refused:
        pod_request({"pod_override": None, "ariel": {"size": "XS", "image": 1}})
    assert [place for place in ("pod_override:", "size:", "image:") if place not in str(refused.value)] == []


@pytest.mark.parametrize("config", [None, {}, {"ariel": {}}])
def test_who_asks_for_nothing_gets_the_platforms_own(config: object) -> None:
    assert pod_request(config) == PodRequest()


def test_what_is_asked_for_is_understood() -> None:
    labels = {"cost-centre": "4711", "note": ""}
    asked = {"identity": "etl", "image": "ghcr.io/acme/model@sha256:ab", "size": "L", "labels": labels}
    assert pod_request({"ariel": asked}) == PodRequest(
        identity="etl", image="ghcr.io/acme/model@sha256:ab", size=SIZES["L"], labels=labels
    )
