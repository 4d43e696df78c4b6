"""The facts of a rendered release, as plain data, and their generation from the official chart.

    ARIEL_AIRFLOW_CHART=<airflow-1.22.0.tgz> python -m tests.chart_projection

A projection keeps what two charts must have in common and drops how they write it: empty fields, the order of a
container's variables, checksums of the chart's own files, and settings of `airflow.cfg` which ariel does not give.
"""

from __future__ import annotations

import configparser
import json
import os
from pathlib import Path
from typing import Any

import yaml

from components.airflow_values import ReleaseValues, airflow_values
from stacks.model import Resources
from stacks.settings import Component
from tests.rendering import render_chart

PROJECTION = Path(__file__).parent / "data" / "airflow-chart-1.22.0-projection.json"
OFFICIAL_CHART = "ARIEL_AIRFLOW_CHART"


def release(**changes: Any) -> ReleaseValues:
    """A release of the sandbox class, with changes."""
    given: dict[str, Any] = {
        "environment": "test",
        "namespace": "airflow",
        "airflow_version": "3.3.2",
        "image": "registry.example.org/airflow:3.3.2-r1",
        "statsd_image": "registry.example.org/statsd-exporter:v0.30.0",
        "sign_in": "simple",
        "host": "airflow.example.org",
        "ingress_class": "example-class",
        "ingress_namespace": "example-ingress",
        "certificate_uri": "https://vault.example.org/certificates/airflow-ingress",
        "scheduler": Component(replicas=1, resources=Resources(cpu="500m", memory="1Gi")),
        "api_server": Component(replicas=1, resources=Resources(cpu="500m", memory="1Gi")),
        "api_server_client_id": "00000000-0000-0000-0000-000000000001",
        "log_account_url": "https://logs.blob.core.windows.net/",
        "log_container": "platform",
        "task_node_selector": {},
        "task_tolerations": [],
        "config_version": "0123456789abcdef",
    }
    return ReleaseValues(**{**given, **changes})


CASES = {
    "sandbox": release(),
    "higher": release(
        image=f"registry.example.org/airflow@sha256:{'a' * 64}",
        sign_in="entra",
        scheduler=Component(replicas=2, resources=Resources(cpu="1", memory="2Gi")),
        api_server=Component(replicas=2, resources=Resources(cpu="1", memory="2Gi")),
        task_node_selector={"ariel.dev/pool": "tasks"},
        task_tolerations=[{"key": "ariel.dev/tasks", "value": "true", "effect": "NoSchedule"}],
    ),
}
"""The two ends of what an environment may be."""


def project(objects: list[dict[str, Any]], values: dict[str, Any]) -> dict[str, Any]:
    """`Kind/name` -> facts of the object, sorted. Raises KeyError when a name is rendered twice."""
    projected: dict[str, Any] = {}
    for entity in objects:
        key = f"{entity['kind']}/{entity['metadata']['name']}"
        if key in projected:
            raise KeyError(f"{key} is rendered twice")
        projected[key] = _without_empty(_facts(entity, values))
    return dict(sorted(projected.items()))


def _facts(entity: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    metadata = dict(entity["metadata"])
    metadata["annotations"] = _annotations(metadata)
    facts = {**entity, "metadata": metadata}
    if entity["kind"] == "Deployment":
        facts["spec"] = _deployment(entity["spec"])
    if entity["kind"] == "ConfigMap":
        facts["data"] = {name: _file(name, text, values) for name, text in entity["data"].items()}
    return facts


def _annotations(metadata: dict[str, Any]) -> dict[str, str]:
    """All but checksums. Of those remain, as present or absent, the two that restart pods after a new configuration."""
    restarting = {"checksum/airflow-config", "checksum/statsd-config"}
    kept = {}
    for name, value in (metadata.get("annotations") or {}).items():
        if not name.startswith("checksum/"):
            kept[name] = value
        elif name in restarting:
            kept[name] = "present"
    return kept


def _deployment(spec: dict[str, Any]) -> dict[str, Any]:
    template = spec["template"]
    pod = dict(template["spec"])
    for kind in ("initContainers", "containers"):
        pod[kind] = {container["name"]: _container(container) for container in pod.get(kind) or []}
    pod["volumes"] = {volume["name"]: volume for volume in pod["volumes"]}
    metadata = {**template["metadata"], "annotations": _annotations(template["metadata"])}
    return {**spec, "template": {"metadata": metadata, "spec": pod}}


def _container(container: dict[str, Any]) -> dict[str, Any]:
    """Variables by name, since their order means nothing; a name given twice is an error of the render."""
    variables = container.get("env") or []
    names = [variable["name"] for variable in variables]
    if len(names) != len(set(names)):
        raise KeyError(f"container {container['name']} is given a variable twice: {sorted(names)}")
    mounts = sorted(container.get("volumeMounts") or [], key=lambda mount: mount["mountPath"])
    env = {
        variable["name"]: variable.get("value", variable.get("valueFrom")) for variable in container.get("env") or []
    }
    return {**container, "env": env, "volumeMounts": mounts}


def _file(name: str, text: str, values: dict[str, Any]) -> Any:
    """`airflow.cfg` as the settings that ariel gives; everything else as the data it holds."""
    if name != "airflow.cfg":
        return yaml.safe_load(text)
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True)
    parser.read_string(text)
    return {
        section: {key: parser.get(section, key) for key in sorted(settings)}
        for section, settings in sorted(values["config"].items())
    }


def _without_empty(value: Any) -> Any:
    """Without null, empty list, empty map: charts differ in whether they write them, Kubernetes does not see them."""
    if isinstance(value, dict):
        slim = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in slim.items() if item is not None and item != [] and item != {}}
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    return value


def projections(chart: Path) -> dict[str, Any]:
    """Case -> projection of the chart's render."""
    made = {}
    for case, given in CASES.items():
        values = airflow_values(given)
        made[case] = project(render_chart(values, chart, given.namespace), values)
    return made


def main() -> None:
    chart = os.environ.get(OFFICIAL_CHART)
    if not chart:
        raise SystemExit(
            f"{OFFICIAL_CHART}: not set\n  rule:   path of the official chart, a folder or .tgz\n"
            "  action: download airflow-1.22.0.tgz and set it"
        )
    PROJECTION.write_text(json.dumps(projections(Path(chart)), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
