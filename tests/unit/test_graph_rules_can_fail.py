"""Each rule finds the mistake that it is for, and only then: a rule that cannot fail proves nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from tests import recordings
from tests.graph_rules import (
    exposure,
    identities,
    names,
    order,
    protection,
    rights,
    roles,
    secrecy,
    shape,
    tags,
    workloads,
)
from tests.graph_rules.sabotage import Sabotage, again, container, exchange, option, output, put, unordered, without
from tests.graph_rules.subjects import Rule
from tests.harness import Graph

MODULES: Final = (tags, names, roles, identities, order, protection, exposure, secrecy, shape, workloads, rights)
STACK: Final = "prod"

VAULT, GROUP, ROLE = "keyvault:Vault", "resources:ResourceGroup", "authorization:RoleAssignment"
IDENTITY, CREDENTIAL = "managedidentity:UserAssignedIdentity", "managedidentity:FederatedIdentityCredential"
SERVER, CLUSTER, ACCOUNT = "dbforpostgresql:Server", "containerservice:ManagedCluster", "storage:StorageAccount"
NAMESPACE, POLICY, SECRET = "core/v1:Namespace", "networking.k8s.io/v1:NetworkPolicy", "core/v1:Secret"
DEPLOYMENT, SERVICE_ACCOUNT = "apps/v1:Deployment", "core/v1:ServiceAccount"
K8S_ROLE, BINDING = "rbac.authorization.k8s.io/v1:Role", "rbac.authorization.k8s.io/v1:RoleBinding"
PASSWORD = "random:index/randomPassword:RandomPassword"  # noqa: S105 - a type


def a_password(graph: Graph) -> str:
    return str(graph.of(PASSWORD)[0].outputs["result"])


def leak_into_an_input(graph: Graph) -> Graph:
    return put("core/v1:ConfigMap", "data/pgbouncer.ini", f"password={a_password(graph)}", "pgbouncer")(graph)


def cross(graph: Graph) -> Graph:
    """Gives one tenant's identity the role on the other's vault."""
    foreign = graph.one(IDENTITY, "mobility-task").outputs["principalId"]
    return put(ROLE, "principalId", foreign, "weather-vault-task")(graph)


def onto_the_account(graph: Graph) -> Graph:
    return put(ROLE, "scope", graph.of(ACCOUNT)[0].id, "weather-logs-task")(graph)


def cluster_role_to_a_tenant(graph: Graph) -> Graph:
    network = graph.of("network:VirtualNetwork")[0].id
    graph = put(ROLE, "scope", network, "weather-vault-task")(graph)
    definition = graph.one(ROLE, "cluster-subnet").inputs["roleDefinitionId"]
    return put(ROLE, "roleDefinitionId", definition, "weather-vault-task")(graph)


def same_assignment_twice(graph: Graph) -> Graph:
    return again(ROLE, "weather-vault-task")(graph)


def second_namespace(graph: Graph) -> Graph:
    old = graph.one(CREDENTIAL, "weather-task-task")
    other = {**old.inputs, "subject": "system:serviceaccount:parse-weather:triggerer"}
    return again(CREDENTIAL, "weather-task-task", inputs=other, id=f"{old.id}-twin")(graph)


def annotate_with_anothers_client(graph: Graph) -> Graph:
    client = graph.one(IDENTITY, "mobility-task").outputs["clientId"]
    old = graph.one(SERVICE_ACCOUNT, "weather-namespaces-task")
    metadata = {**old.inputs["metadata"], "annotations": {"azure.workload.identity/client-id": client}}
    return exchange(graph, old, replace(old, inputs={**old.inputs, "metadata": metadata}))


def open_to_the_metadata_service(graph: Graph) -> Graph:
    rule = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]}
    return put(POLICY, "spec/egress", [rule], "weather-namespaces-tasks")(graph)


def peer(namespace: str) -> dict[str, Any]:
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return {"to": [{"namespaceSelector": selector}], "ports": [{"port": 9418}]}


def host_path(graph: Graph) -> Graph:
    return put(DEPLOYMENT, "spec/template/spec/volumes/0", {"name": "host", "hostPath": {"path": "/"}}, "pgbouncer")(
        graph
    )


def unlabelled(graph: Graph) -> Graph:
    return put(NAMESPACE, "metadata/labels", {"ariel.dev/purpose": "platform"}, "platform-namespace")(graph)


def other_owner(graph: Graph) -> Graph:
    tags_of = {**graph.one(VAULT, "weather-vault").inputs["tags"], "tenant": "mobility"}
    return put(VAULT, "tags", tags_of, "weather-vault")(graph)


CASES: Final[dict[Rule, Sabotage]] = {
    tags.everything_taggable_is_tagged: put(SERVER, "tags", {"environment": "prod"}),
    tags.a_tenants_group_and_vault_name_the_tenant: other_owner,
    names.physical_names_are_legal: option(VAULT, "weather-vault", id="/subscriptions/s/vaults/kv--weather"),
    names.no_two_resources_are_one_in_azure: again(VAULT, "weather-vault"),
    names.names_in_the_cluster_are_legal: put("core/v1:Service", "metadata/name", "Git_Mirror", "weather-mirror"),
    names.no_two_objects_are_one_in_the_cluster: again("core/v1:Service", "weather-mirror"),
    names.logical_names_hold_no_list_index: option(VAULT, "weather-vault", name="vault-0"),
    names.logical_names_say_nothing_of_the_environment: option(VAULT, "weather-vault", name="prod-vault"),
    names.a_parent_in_azure_is_named_by_its_resource: unordered("network:Subnet"),
    roles.every_role_is_given_on_one_resource: put(ROLE, "scope", "/subscriptions/1/resourceGroups/all"),
    roles.every_role_is_on_the_list: put(
        ROLE,
        "roleDefinitionId",
        "/subscriptions/1/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    ),
    roles.only_the_clusters_identity_holds_control_plane_roles: cluster_role_to_a_tenant,
    roles.every_principal_has_its_type: put(ROLE, "principalType", None, "weather-vault-task"),
    roles.every_assignment_is_named_by_a_made_guid: put(ROLE, "roleAssignmentName", "weather-vault"),
    roles.every_assignment_is_deleted_before_it_is_made_anew: option(ROLE, delete_before_replace=False),
    roles.no_two_assignments_say_the_same: same_assignment_twice,
    roles.no_identity_reaches_into_another_tenants_things: cross,
    roles.no_tenant_has_a_role_on_the_platforms_things: onto_the_account,
    identities.every_credential_names_one_account: put(CREDENTIAL, "subject", "system:serviceaccount:airflow:*"),
    identities.every_identity_serves_one_namespace: second_namespace,
    identities.a_tenants_identity_serves_its_own_namespaces: put(
        CREDENTIAL, "subject", "system:serviceaccount:tasks-mobility:task", "weather-task-task"
    ),
    identities.credentials_of_one_identity_are_written_one_after_another: again(
        CREDENTIAL, "weather-task-task", depends_on=frozenset()
    ),
    identities.every_federated_account_exists: without(SERVICE_ACCOUNT, "weather-namespaces-task"),
    identities.a_workloads_identity_is_the_one_federated_to_it: annotate_with_anothers_client,
    order.a_database_servers_children_are_written_one_after_another: unordered("dbforpostgresql:Configuration"),
    order.subnets_of_one_network_are_written_one_after_another: unordered("network:Subnet"),
    order.windows_of_one_cluster_are_written_one_after_another: unordered("containerservice:MaintenanceConfiguration"),
    order.the_database_server_comes_after_its_linked_zone: unordered(SERVER),
    order.the_cluster_comes_after_the_roles_of_its_identities: unordered(CLUSTER),
    order.a_tenants_processes_come_after_the_schema: unordered("components:DagProcessor"),
    protection.what_holds_data_is_protected_in_higher: option(SERVER, protect=False),
    protection.nothing_else_is_protected: option("network:NatGateway", protect=True),
    protection.the_server_is_locked_in_azure_where_it_is_protected: without("authorization:ManagementLockByScope"),
    protection.no_lock_covers_what_a_tenant_must_be_able_to_lose: lambda graph: put(
        "authorization:ManagementLockByScope", "scope", graph.one(GROUP, "data").id
    )(graph),
    protection.vaults_cannot_be_purged_in_higher: put(VAULT, "properties/enablePurgeProtection", None),
    protection.backups_leave_the_region_in_higher: put(SERVER, "backup/geoRedundantBackup", "Disabled"),
    exposure.every_private_resource_has_an_endpoint_and_its_name: without(
        "network:PrivateDnsZoneGroup", "weather-vault-endpoint-zone"
    ),
    exposure.nothing_that_holds_data_is_public: put(VAULT, "properties/publicNetworkAccess", "Enabled"),
    exposure.the_api_server_of_the_cluster_is_not_open_to_all: put(CLUSTER, "apiServerAccessProfile", {}),
    exposure.nobody_signs_in_with_a_key_or_password: put(ACCOUNT, "allowSharedKeyAccess", True),
    exposure.everything_that_can_says_what_happens_to_it: without(
        "monitor:DiagnosticSetting", "weather-vault-diagnostics"
    ),
    exposure.every_subnet_is_guarded_and_goes_out_by_rule_only: put("network:Subnet", "networkSecurityGroup", None),
    secrecy.no_secret_stands_in_a_plain_input: leak_into_an_input,
    secrecy.no_secret_stands_in_a_plain_output: output(a_password),
    secrecy.no_stack_output_is_secret: output(a_password, secret=True),
    secrecy.all_data_of_secrets_is_marked_secret: option(SECRET, "pgbouncer-runtime", secrets=frozenset()),
    secrecy.the_clusters_credentials_are_marked_secret: option("pulumi:providers:kubernetes", secrets=frozenset()),
    shape.nothing_is_made_by_an_ambient_provider: option(VAULT, provider=None),
    shape.every_resource_stands_in_a_component: option(VAULT, parent=None),
    shape.every_component_has_its_token_and_is_finished: option("components:Vault", finished=False),
    shape.every_object_comes_after_its_namespace: option(SECRET, "airflow-keys", depends_on=frozenset(), parent=None),
    shape.the_release_comes_after_what_its_pods_need: unordered("components:Airflow"),
    workloads.every_container_is_hardened: container("securityContext/allowPrivilegeEscalation", True),
    workloads.no_credential_stands_in_a_variable: container("env", [{"name": "DB_PASSWORD", "value": "hunter2"}]),
    workloads.no_pod_reaches_the_node: host_path,
    workloads.root_file_systems_are_read_only: container("securityContext/readOnlyRootFilesystem", False),
    workloads.only_who_talks_to_the_cluster_holds_its_token: put(
        DEPLOYMENT, "spec/template/spec/automountServiceAccountToken", None, "weather-processor"
    ),
    workloads.a_probe_that_runs_a_command_has_time: container("livenessProbe/timeoutSeconds", 1, "reconciler"),
    workloads.images_are_pinned_and_from_our_registry: container("image", "docker.io/edoburu/pgbouncer:latest"),
    workloads.tenants_code_gets_only_its_own_credentials: put(
        SECRET, "stringData/jwt-secret", "x", "weather-processor"
    ),
    workloads.a_tenants_secret_holds_nothing_of_the_platform: put(
        SECRET, "stringData/api-secret-key", "x", "weather-triggerer"
    ),
    workloads.a_processor_parses_one_tenants_bundle: container(
        "command", ["airflow", "dag-processor"], "weather-processor"
    ),
    workloads.no_workload_of_a_tenant_speaks_of_another: container(
        "command", ["airflow", "dag-processor", "--bundle-name", "mobility"], "weather-processor"
    ),
    rights.no_role_is_wider_than_its_words: put(K8S_ROLE, "rules/0/verbs", ["*"]),
    rights.no_account_of_a_tenant_has_rights_in_the_cluster: put(
        BINDING, "subjects", [{"kind": "ServiceAccount", "name": "task", "namespace": "tasks-weather"}]
    ),
    rights.rights_over_all_namespaces_only_read_pods: put(
        "rbac.authorization.k8s.io/v1:ClusterRole", "rules/0/verbs", ["delete"]
    ),
    rights.every_binding_names_what_exists: put(BINDING, "roleRef/name", "nobody"),
    rights.no_account_mounts_its_token_by_itself: put(SERVICE_ACCOUNT, "automountServiceAccountToken", True),
    rights.every_namespace_is_restricted: unlabelled,
    rights.the_cluster_enforces_network_policies: put(CLUSTER, "networkProfile/networkPolicy", "none"),
    rights.every_namespace_denies_all_traffic_first: without(POLICY, "platform-namespace-default"),
    rights.no_policy_opens_the_hosts_services: open_to_the_metadata_service,
    rights.every_rule_of_a_policy_names_its_ports: put(
        POLICY, "spec/egress", [{"to": [{"podSelector": {}}]}], "weather-namespaces-tasks"
    ),
    rights.no_tenant_reaches_into_another_tenants_namespace: put(
        POLICY, "spec/egress", [peer("parse-mobility")], "weather-namespaces-tasks"
    ),
    rights.every_tenant_has_both_namespaces_and_bounds: without("core/v1:ResourceQuota", "weather-namespaces"),
}


def test_every_rule_has_a_case() -> None:
    rules = {rule for module in MODULES for rule in module.RULES}
    assert {rule.__name__ for rule in rules - set(CASES)} == set()


@pytest.mark.parametrize("rule", CASES, ids=lambda rule: rule.__name__)
def test_the_rule_finds_its_mistake(rule: Rule) -> None:
    graph = recordings.graph_of(STACK)
    found = set(rule(CASES[rule](graph))) - set(rule(graph))
    assert found, f"{rule.__name__} does not see what it is for"
