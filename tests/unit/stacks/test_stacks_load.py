"""Loading: every problem in one go, in words, and never a secret in them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from stacks import wording
from stacks.classes import DEFAULTS
from stacks.errors import Problem, SettingsError
from stacks.load import load, merge
from stacks.settings import EnvironmentClass, Settings
from stacks.shape import settings_schema
from tests.unit.stacks.samples import AZURE_RESOURCE, GUID, REMOVED, TENANT, problems, raw

FULL: dict[str, Any] = raw(
    "lower",
    {
        "network.hub": {"virtualNetworkId": "/subscriptions/x/virtualNetworks/h", "addressSpace": ["10.0.0.0/16"]},
        "network.dnsForwarding": {"corp.contoso.com": ["10.0.4.4"]},
        "kubernetes.taskPool": {"vmSize": "Standard_D4ds_v5", "minimum": 0, "maximum": 4},
        "pgbouncer.resources": {"cpu": "1", "memory": "1Gi"},
        "trustGroups": {"maps": {"reason": "one team in two repositories"}},
        "tenants": {
            slug: {
                **copy.deepcopy(TENANT),
                "secrets": {"mode": "shared", "trustGroup": "maps"},
                "processor": {"resources": {"cpu": "1", "memory": "1Gi"}, "fileTimeout": 90},
                "triggerer": {"resources": {"cpu": "1", "memory": "1Gi"}, "enabled": True},
                "egress": [{"host": "a.contoso.com", "port": 443}],
                "grants": [{"role": "Storage Blob Data Reader", "scope": AZURE_RESOURCE}],
                "identities": {"counts": {"grants": [{"role": "Key Vault Secrets User", "scope": AZURE_RESOURCE}]}},
                "applications": {"partner": {"clientId": GUID, "tenantId": GUID, "certificate": "partner.pem"}},
                "allowedImages": ["ariel/tool:1"],
                "alerts": {"channel": "email", "target": "a@contoso.com"},
            }
            for slug in ("weather", "mobility")
        },
    },
)
"""Every kind of block is in it."""

HOSTILE: tuple[Any, ...] = (None, [], "", -1, 10**30, 1.5, {"x": 1}, "9.9.9.999/33")


def _locations(value: Any, location: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if location:
        yield location
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from _locations(inner, (*location, key))


def _with(location: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(FULL)
    holder: Any = changed
    for part in location[:-1]:
        holder = holder[part]
    if value is REMOVED:
        del holder[location[-1]]
    else:
        holder[location[-1]] = value
    return changed


def _refused(stack: str, given: dict[str, Any]) -> list[Problem]:
    try:
        load(stack, given)
    except SettingsError as error:
        return list(error.problems)
    return []


def test_many_mistakes_of_all_sorts_are_reported_at_once() -> None:
    found = problems(
        "lower",
        {
            "stack": "written",
            "kubernets": {},
            "contact": REMOVED,
            "airflow.image.tag": "latest",
            "network.database": "10.99.0.0/28",
            "pgbouncer": {"replicas": 9, "metadataPoolSize": 200},
            "vault.ciGroupId": REMOVED,
            "tenants.a--b": TENANT,
            "tenants.a_b": TENANT,
            "tenants.Weather": TENANT,
            f"tenants.{'a' * 40}": TENANT,
            "tenants.kube-system": TENANT,
            "tenants.nothing": None,
            "tenants.list": [],
            "tenants.weather.quota": {"podz": 3, "pods": "many"},
            "tenants.weather.grants": [{"role": "Owner", "scope": AZURE_RESOURCE}],
            "tenants.mobility.processor": {"fileTimeout": 20, "importTimeout": 20},
        },
        stack="Dev",
    )
    assert {problem.path for problem in found} == {
        "stack",
        "kubernets",
        "contact",
        "airflow.image.tag",
        "network.database",
        "pgbouncer.metadataPoolSize",
        "vault.ciGroupId",
        "tenants.a--b",
        "tenants.a_b",
        "tenants.Weather",
        f"tenants.{'a' * 40}",
        "tenants.kube-system",
        "tenants.nothing",
        "tenants.list",
        "tenants.weather.quota.podz",
        "tenants.weather.quota.pods",
        "tenants.weather.grants[0].role",
        "tenants.mobility.processor.importTimeout",
    }
    assert all(part for problem in found for part in (problem.path, problem.value, problem.rule, problem.action))


@pytest.mark.parametrize("tenants", [None, [], ["weather"], "weather"], ids=str)
def test_tenants_which_are_no_map_are_refused(tenants: object) -> None:
    (problem,) = problems("lower", {"tenants": tenants})
    assert problem.path == "tenants"
    assert "a map" in problem.rule


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("kubernets", "`kubernetes`"),
        ("tenants.weather.quota.podz", "`pods`"),
        ("tenants.weather.group_id", "`groupId`"),
        ("network.hub.address_space", "`addressSpace`"),
        ("airflow.scheduler.resources.mem", "`memory`"),
    ],
)
def test_an_unknown_key_leads_to_the_nearest_known_one(path: str, advice: str) -> None:
    hub = FULL["network"]["hub"]
    found = problems("lower", {"network.hub": dict(hub)} | {path: "1"})
    assert [(problem.path, problem.action) for problem in found] == [(path, f"did you mean {advice}?")]


def test_the_stacks_name_is_not_written_in_the_file() -> None:
    assert [problem.path for problem in problems("lower", {"stack": "dev"})] == ["stack"]


def test_a_class_that_does_not_exist_leaves_the_other_problems_readable() -> None:
    found = problems("lower", {"class": "production", "tenants.weather.quota": {"pods": 0}})
    assert [problem.path for problem in found] == ["class", "tenants.weather.quota.pods"]
    assert "'sandbox', 'lower' or 'higher'" in found[0].rule


def test_a_value_that_could_not_be_read_is_not_judged_by_its_default() -> None:
    """`network.addressSpace` is broken; that all subnets lie outside its default would be a second, false problem."""
    changes: dict[str, Any] = {
        "network": {
            "addressSpace": "10.50.0.0/99",
            **{key: f"10.50.{n}.0/24" for n, key in enumerate(("nodes", "endpoints", "database", "resolver"))},
        }
    }
    assert [problem.path for problem in problems("lower", changes)] == ["network.addressSpace"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("10.40.0.1/16", "host bits set"), ("10.40.0.300/24", "not permitted"), ("10.40.0.0/40", "netmask")],
)
def test_a_range_that_only_looks_like_one_is_refused(text: str, reason: str) -> None:
    (problem,) = problems("lower", {"network.nodes": text})
    assert (problem.path, problem.value) == ("network.nodes", text)
    assert reason in problem.rule


@pytest.mark.parametrize(
    "secret",
    [
        "https://someone:hunter2@contoso.com",
        "https://hooks.slack.com/services/T000/B000/hunter2",
        "AccountName=a;AccountKey=hunter2",
        "https://a.blob.core.windows.net/c?sv=1&sig=hunter2",
        "ghp_hunter2",
        "xoxb-hunter2",
        "-----BEGIN PRIVATE KEY-----hunter2",
    ],
)
def test_what_looks_like_a_secret_is_not_repeated(secret: str) -> None:
    (problem,) = problems("lower", {"contact": f"{secret} "})
    assert problem.value == wording.HIDDEN
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("key", ["password", "clientSecret", "api_key", "sasToken", "connectionString"])
def test_the_value_of_a_secret_looking_key_is_not_repeated(key: str) -> None:
    assert "hunter2" not in str(problems("lower", {f"tenants.weather.{key}": "hunter2"})[0])


def test_every_hostile_value_anywhere_leads_to_readable_problems_and_to_no_other_error() -> None:
    """Covers the table of pydantic's errors: an unknown type of error would be a KeyError here."""
    refused = 0
    for location in _locations(FULL):
        for value in HOSTILE if "mobility" not in location else ():
            for problem in _refused("dev", _with(location, value)):
                refused += 1
                assert all((problem.path, problem.value, problem.rule, problem.action)), (location, value)
    assert refused > 500


def test_whatever_is_missing_the_rest_is_judged_all_the_same() -> None:
    """Proves that each required setting has a stand-in: without one, no rule would be asked."""
    for location in _locations(FULL):
        if location[0] != "images" and "mobility" not in location:
            given = _with(location, REMOVED)
            given["images"]["pgbouncer"]["tag"] = "latest"
            assert "images.pgbouncer.tag" in {problem.path for problem in _refused("dev", given)}, location


def test_every_pattern_of_the_models_is_put_into_words() -> None:
    patterns = set(_patterns(settings_schema())) | {Settings.model_json_schema()["properties"]["stack"]["pattern"]}
    assert patterns - set(wording.PATTERNS) == set()
    assert set(wording.PATTERNS) - patterns == set()


def _patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        yield from node.get("patternProperties", {})
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _patterns(inner)


def test_top_level_scalars_may_be_text_as_the_engine_hands_them_over() -> None:
    settings = load("dev", raw("lower", {"protect": "true"}))
    assert settings.protect is True


def test_blocks_may_come_out_of_json() -> None:
    engine = {key: json.loads(json.dumps(value)) for key, value in FULL.items()}
    assert load("dev", engine) == load("dev", FULL)


def test_what_the_file_says_goes_over_the_defaults_of_its_class_key_by_key() -> None:
    settings = load("dev", raw("higher", {"database": {"backupDays": 20}}))
    assert settings.database.backup_days == 20
    assert settings.database.high_availability is True
    assert settings.stack == "dev"


def test_a_list_replaces_a_list_and_null_replaces_a_block() -> None:
    under = {"a": [1, 2], "b": {"c": 1, "d": 2}}
    assert merge(under, {"a": [3], "b": {"c": 9}}) == {"a": [3], "b": {"c": 9, "d": 2}}
    assert merge(under, {"b": None}) == {"a": [1, 2], "b": None}
    assert under == {"a": [1, 2], "b": {"c": 1, "d": 2}}


def test_loading_changes_neither_what_it_is_given_nor_the_defaults() -> None:
    given, defaults = copy.deepcopy(FULL), copy.deepcopy(DEFAULTS)
    load("dev", given)
    problems("lower", {"database": None, "tenants.weather.owner": 5})
    assert given == FULL
    assert defaults == DEFAULTS


def test_settings_cannot_be_changed_after_loading() -> None:
    settings = load("dev", FULL)
    with pytest.raises(ValidationError):
        settings.protect = True  # type: ignore[misc]
    assert settings.class_ is EnvironmentClass.LOWER


def test_a_version_without_quotes_is_told_to_take_them() -> None:
    """YAML reads 1.30 as the number 1.3: the difference is lost before anybody can see it."""
    (problem,) = problems("lower", {"kubernetes.version": 1.3})
    assert (problem.path, problem.value, problem.action) == ("kubernetes.version", "1.3", "write it in quotes")


def test_the_group_of_the_pipelines_is_an_id() -> None:
    (problem,) = problems("lower", {"vault.ciGroupId": "pipelines"})
    assert problem.rule.startswith("a GUID such as ")
    load("dev", raw("lower", {"vault.ciGroupId": GUID}))


@pytest.mark.parametrize(
    ("applications", "below", "value", "rule", "action"),
    [
        ({"partner": {"clientId": "partner"}}, ".partner.clientId", "partner", "a GUID such as", "write it so"),
        ({"partner": {}}, ".partner.clientId", "(missing)", "required", "add it"),
        (
            {"partner": {"clientId": GUID, "tenantId": "contoso.com"}},
            ".partner.tenantId",
            "contoso.com",
            "a GUID",
            "so",
        ),
        (
            {"partner": {"clientId": GUID, "clientSecret": "hunter2"}},
            ".partner.clientSecret",
            wording.HIDDEN,
            "no such",
            "",
        ),
        (
            {"partner": {"clientId": GUID, "certificate": "a--b"}},
            ".partner.certificate",
            "a--b",
            "single hyphens",
            "so",
        ),
        (
            {"partner": {"clientId": GUID, "certificate": "a b"}},
            ".partner.certificate",
            "a b",
            "the id of a secret",
            "so",
        ),
        ({"p": {"clientId": GUID}}, ".p", "p", "at least 2 characters", "rename it"),
        ({"Partner_1": {"clientId": GUID}}, ".Partner_1", "Partner_1", "lower-case letters", "rename it"),
        ({"a" * 21: {"clientId": GUID}}, f".{'a' * 21}", "a" * 21, "at most 20 characters", "rename it"),
        ([{"clientId": GUID}], "", "a list of 1", "a map of `name: value` lines", "not a list"),
    ],
)
def test_a_mistake_in_an_application_is_refused(
    applications: object, below: str, value: str, rule: str, action: str
) -> None:
    (problem,) = problems("lower", {"tenants.weather.applications": applications})
    assert (problem.path, problem.value) == (f"tenants.weather.applications{below}", value)
    assert rule in problem.rule
    assert action in problem.action


def test_a_certificate_in_the_place_of_its_id_is_not_repeated() -> None:
    pem = "-----BEGIN PRIVATE KEY-----hunter2"
    (problem,) = problems("lower", {"tenants.weather.applications": {"app": {"clientId": GUID, "certificate": pem}}})
    assert problem.value == wording.HIDDEN
    assert "hunter2" not in str(problem)


def test_an_application_is_federated_and_of_the_stacks_entra_tenant_unless_it_says_otherwise() -> None:
    settings = load("dev", raw("lower", {"tenants.weather.applications": {"partner": {"clientId": GUID}}}))
    partner = settings.tenants["weather"].applications["partner"]
    assert (partner.tenant_id, partner.certificate) == (None, None)
    assert settings.tenants["mobility"].applications == {}
