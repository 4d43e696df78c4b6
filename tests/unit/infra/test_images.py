"""Which images the pods run: by tag where the stack file says no more, by digest where it does."""

from __future__ import annotations

from tests import recordings
from tests.graph_rules.workloads import containers, release_values
from tests.pod_rules import containers as rendered_containers
from tests.pod_rules import pod_specs
from tests.rendering import COMPACT_CHART, render_chart

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def test_with_a_digest_no_pod_runs_what_a_tag_may_be_moved_to() -> None:
    raw = recordings.raw_settings("dev")
    raw["airflow"] = {**raw["airflow"], "image": {**raw["airflow"]["image"], "digest": DIGEST}}
    graph = recordings.record_settings("dev", raw)
    ours = {place: container["image"] for place, _, container in containers(graph)}
    release = pod_specs(render_chart(release_values(graph), COMPACT_CHART))
    airflow = [
        image
        for image in [*ours.values(), *(container["image"] for _, _, container in rendered_containers(release))]
        if "/ariel/airflow" in image
    ]
    assert len(airflow) > 6
    assert [image for image in airflow if not image.endswith(f"/ariel/airflow@{DIGEST}")] == []
