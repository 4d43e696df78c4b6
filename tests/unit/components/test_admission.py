"""The policies are in force and name no tenant; what they refuse is tested against a real API server."""

from __future__ import annotations

import pytest

from components.admission import Admission, AdmissionArgs
from tests.harness import Graph, record


@pytest.fixture(scope="module")
def graph() -> Graph:
    args = AdmissionArgs(scheduler_account="scheduler", audience="audience", deployer_groups=("group",))
    return record(lambda: Admission("admission", args))


def test_every_policy_is_bound_to_refuse(graph: Graph) -> None:
    policies = {each.inputs["metadata"]["name"] for each in graph.of("ValidatingAdmissionPolicy")}
    bindings = [each.inputs["spec"] for each in graph.of("ValidatingAdmissionPolicyBinding")]
    assert len(policies) == 4
    assert {binding["policyName"] for binding in bindings} == policies
    assert all(binding["validationActions"] == ["Deny"] for binding in bindings)


def test_a_policy_that_cannot_be_evaluated_refuses(graph: Graph) -> None:
    assert {each.inputs["spec"]["failurePolicy"] for each in graph.of("ValidatingAdmissionPolicy")} == {"Fail"}


def test_images_are_read_from_the_tenants_own_namespace_and_their_absence_refuses(graph: Graph) -> None:
    parameters = graph.one("ValidatingAdmissionPolicyBinding", "admission-images").inputs["spec"]["paramRef"]
    assert parameters["parameterNotFoundAction"] == "Deny"
    assert "namespace" not in parameters
    assert "name" not in parameters


def test_the_scheduler_is_the_one_of_the_platforms_namespace(graph: Graph) -> None:
    rules = graph.one("ValidatingAdmissionPolicy", "admission-pods").inputs["spec"]["validations"]
    assert 'request.userInfo.username == "system:serviceaccount:airflow:scheduler"' in rules[0]["expression"]
