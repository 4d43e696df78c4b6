"""The mirror holds no key, and neither does who reads from it."""

from __future__ import annotations

import pytest

from components.git_mirror import GitMirror, GitMirrorArgs, mirror_url, remote_port
from stacks.tenant import Repository
from tests.harness import Graph, record
from tests.pod_rules import credentials_in_env, not_hardened

REPOSITORY = Repository.model_validate({"url": "https://git.example.org/weather.git"})


def recorded() -> Graph:
    args = GitMirrorArgs(
        slug="weather",
        namespace="parse-weather",
        image="registry.example.org/airflow:1",
        repository=REPOSITORY,
    )
    return record(lambda: GitMirror("mirror", args))


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("https://git.example.org/x.git", 443),
        ("https://git.example.org:8443/x.git", 8443),
        ("ssh://git@git.example.org/x.git", 22),
        ("ssh://git@git.example.org:2222/x.git", 2222),
        ("git@git.example.org:team/x.git", 22),
        ("git://git.example.org/x.git", 9418),
    ],
)
def test_the_way_out_leads_to_the_repositorys_own_port(url: str, port: int) -> None:
    assert remote_port(url) == port


def test_the_mirror_holds_no_secret_at_all() -> None:
    spec = recorded().one("apps/v1:Deployment", "mirror").inputs["spec"]["template"]["spec"]
    assert not any("secret" in volume for volume in spec["volumes"])
    assert credentials_in_env({"mirror": spec}) == []


def test_the_mirror_is_hardened_and_signs_in_nowhere_in_azure() -> None:
    template = recorded().one("apps/v1:Deployment", "mirror").inputs["spec"]["template"]
    assert not_hardened({"mirror": template["spec"]}) == []
    assert "azure.workload.identity/use" not in template["metadata"]["labels"]


def test_only_the_tenants_own_pods_read_its_code() -> None:
    rule, _ = recorded().one("NetworkPolicy", "mirror").inputs["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == [9418]
    processor, triggerer, tasks = rule["from"]
    assert {"namespaceSelector"} & (set(processor) | set(triggerer)) == set()
    assert tasks["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "tasks-weather"}


def test_the_api_server_alone_asks_for_the_mirrors_state() -> None:
    """Code of the tenant could have it fetch without end."""
    _, rule = recorded().one("NetworkPolicy", "mirror").inputs["spec"]["ingress"]
    (peer,) = rule["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "airflow"}
    assert peer["podSelector"]["matchLabels"] == {"component": "api-server"}
    assert [port["port"] for port in rule["ports"]] == [9419]
    ports = recorded().one("core/v1:Service", "mirror").inputs["spec"]["ports"]
    assert {each["port"]: each["targetPort"] for each in ports} == {9418: 9418, 9419: 9419}


def test_an_unreachable_repository_does_not_fail_the_platforms_update() -> None:
    annotations = recorded().one("apps/v1:Deployment", "mirror").inputs["metadata"]["annotations"]
    assert annotations["pulumi.com/skipAwait"] == "true"


def test_the_url_inside_the_cluster_holds_no_credential() -> None:
    assert mirror_url("weather") == "git://git-mirror.parse-weather.svc.cluster.local/repository.git"
