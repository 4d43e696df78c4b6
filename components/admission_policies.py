"""The admission policies as data: what the API server itself refuses, whoever asks and whatever the executor did.

Expressions are in CEL and run in the API server. Pod Security `restricted` on the namespaces says part of the same; it
falls with a label of the namespace, these do not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from components.admission_images import LABELS
from components.pod import PURPOSE_LABEL, TENANT_LABEL, Manifest

TASK_PODS: Final = "ariel-task-pods"
TASK_CHANGES: Final = "ariel-task-changes"
TASK_IMAGES: Final = "ariel-task-images"
NAMESPACE_LABELS: Final = "ariel-namespace-labels"

_API: Final = "admissionregistration.k8s.io/v1"
_GUARDED_LABELS: Final = (
    TENANT_LABEL,
    PURPOSE_LABEL,
    "pod-security.kubernetes.io/enforce",
    "pod-security.kubernetes.io/enforce-version",
)
_CONTAINERS: Final = {
    "name": "containers",
    "expression": "object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : [])",
}
_EPHEMERAL: Final = {
    "name": "ephemeral",
    "expression": "has(object.spec.ephemeralContainers) ? object.spec.ephemeralContainers : []",
}
"""A list of its own: Kubernetes' type of these containers is another, and CEL adds only lists of one type."""
_LABELS: Final = (
    {"name": "now", "expression": "has(object.metadata.labels) ? object.metadata.labels : {}"},
    {
        "name": "before",
        "expression": "oldObject != null && has(oldObject.metadata.labels) ? oldObject.metadata.labels : {}",
    },
)
_NO_SECRETS: Final = "no container may take its environment from a Secret"
_NO_PRIVILEGES: Final = "no container may be privileged, gain privileges or capabilities, or use a port of the host"


def task_pods(creator: str, token_audience: str) -> Manifest:
    """Pods in task namespaces: who makes them, as which account, and nothing that leaves the sandbox of a container.

    `creator` is the user name of the scheduler's account. The controllers of `kube-system` may make pods too, since
    only who may create their owners (Jobs, Deployments) can make them do so, and no tenant may.
    `token_audience` is the only audience of projected tokens: one for the Kubernetes API is refused.
    """
    creators = f"request.userInfo.username == {json.dumps(creator)}"
    controllers = "request.userInfo.username.startsWith('system:serviceaccount:kube-system:')"
    account = "object.spec.serviceAccountName"
    label = f"object.metadata.labels[{json.dumps(TENANT_LABEL)}]"
    validations = {
        "only the scheduler makes pods in a tenant's task namespace": f"{creators} || {controllers}",
        "the account must be 'task' or 'task-<group>'": (
            f"has({account}) && ({account} == 'task' || {account}.startsWith('task-'))"
        ),
        f"the label {TENANT_LABEL} must be the namespace's own": (
            f"has(object.metadata.labels) && {json.dumps(TENANT_LABEL)} in object.metadata.labels && "
            f"{label} == namespaceObject.metadata.labels[{json.dumps(TENANT_LABEL)}]"
        ),
        "the host's network, processes and IPC are closed": " && ".join(
            f"!(has(object.spec.{field}) && object.spec.{field})" for field in ("hostNetwork", "hostPID", "hostIPC")
        ),
        "the node is chosen by the cluster's scheduler, and system priorities are the platform's": (
            "!has(object.spec.nodeName) && (!has(object.spec.priorityClassName) || "
            "!object.spec.priorityClassName.startsWith('system-'))"
        ),
        "volumes may be emptyDir, downwardAPI, the cluster's certificate or a token for Entra; no Secret, host path or "
        "Kubernetes token": (_volumes(token_audience)),
        _NO_SECRETS: _environment("containers"),
        _NO_PRIVILEGES: _privileges("containers"),
    }
    return _policy(
        TASK_PODS,
        _pods_of_tasks(_rule("pods", "CREATE")),
        variables=[_CONTAINERS],
        validations=[{"expression": rule, "message": message} for message, rule in validations.items()],
    )


def task_changes() -> Manifest:
    """Running pods in task namespaces: whose a pod is stays, and a container added to it is as hardened as the others.

    Whoever may change pods could otherwise give one tenant's pod the label of another, which policies select by.
    """
    keys = json.dumps([TENANT_LABEL, PURPOSE_LABEL])
    validations = {
        f"the labels {TENANT_LABEL} and {PURPOSE_LABEL} of a task pod never change": (
            f"{keys}.all(key, {_label_of('variables.now')} == {_label_of('variables.before')})"
        ),
        _NO_SECRETS: f"request.subResource != 'ephemeralcontainers' || {_environment('ephemeral')}",
        _NO_PRIVILEGES: f"request.subResource != 'ephemeralcontainers' || {_privileges('ephemeral')}",
    }
    return _policy(
        TASK_CHANGES,
        _pods_of_tasks(_rule("pods", "UPDATE"), _rule("pods/ephemeralcontainers", "UPDATE")),
        variables=[_EPHEMERAL, *_LABELS],
        validations=[{"expression": rule, "message": message} for message, rule in validations.items()],
    )


def task_images() -> Manifest:
    """Images of pods in task namespaces: as the ConfigMap beside the pod lists them.

    Also when a pod is changed, since an image can be exchanged in a running pod and a container added to it; a pod
    whose images stay the same may be changed although the list has changed meanwhile.
    """
    images = f"({_CONTAINERS['expression']}).map(c, c.image) + ({_EPHEMERAL['expression']}).map(c, c.image)"
    # After an image without tag come a tag or a digest only: `ruby:5000/x` is another registry, not a tag of `ruby`.
    match = (
        "pattern.endsWith('/*') ? image.startsWith(pattern.substring(0, size(pattern) - 1)) : "
        "(image == pattern || image.startsWith(pattern + '@') || "
        "(image.startsWith(pattern + ':') && !image.substring(size(pattern)).contains('/')))"
    )
    return _policy(
        TASK_IMAGES,
        _pods_of_tasks(_rule("pods", "CREATE", "UPDATE"), _rule("pods/ephemeralcontainers", "UPDATE")),
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        variables=[
            {"name": "images", "expression": images},
            {"name": "before", "expression": f"oldObject == null ? [] : {images.replace('object.', 'oldObject.')}"},
            {"name": "patterns", "expression": "params.data['images'].split('\\n').filter(line, line != '')"},
            {
                "name": "refused",
                "expression": f"variables.images.filter(image, !variables.patterns.exists(pattern, {match}))",
            },
        ],
        validations=[
            {
                "expression": "variables.images == variables.before || variables.refused.size() == 0",
                "messageExpression": (
                    "'not among the allowed images of ' + namespaceObject.metadata.name + ': ' + "
                    "variables.refused.join(', ')"
                ),
            }
        ],
    )


def namespace_labels(deployer_groups: Sequence[str]) -> Manifest:
    """The labels that say whose a namespace is, what for, and how hardened: only members of these groups change them.

    Whoever could move them would take a namespace out of every policy that selects by them.
    """
    keys = json.dumps(list(_GUARDED_LABELS))
    purpose = json.dumps(PURPOSE_LABEL)
    return _policy(
        NAMESPACE_LABELS,
        {"resourceRules": [_rule("namespaces", "CREATE", "UPDATE")]},
        variables=[
            *_LABELS,
            {
                "name": "changed",
                "expression": f"{keys}.exists(key, {_label_of('variables.now')} != {_label_of('variables.before')})",
            },
            {"name": "ours", "expression": f"{purpose} in variables.now || {purpose} in variables.before"},
            {
                "name": "deployer",
                "expression": (
                    "has(request.userInfo.groups) && "
                    f"request.userInfo.groups.exists(group, group in {json.dumps(list(deployer_groups))})"
                ),
            },
        ],
        validations=[
            {
                "expression": "!variables.ours || !variables.changed || variables.deployer",
                "message": f"the labels {', '.join(_GUARDED_LABELS)} are the deployer's to change",
            }
        ],
    )


def binding(policy: str) -> Manifest:
    """What puts a policy into force: refusal. Pods without a list of images beside them are refused as well."""
    parameters = {"selector": {"matchLabels": LABELS}, "parameterNotFoundAction": "Deny"}
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": policy},
        "spec": {
            "policyName": policy,
            "validationActions": ["Deny"],
            **({"paramRef": parameters} if policy == TASK_IMAGES else {}),
        },
    }


def _volumes(token_audience: str) -> str:
    token = (
        "has(source.serviceAccountToken) && has(source.serviceAccountToken.audience) && "
        f"source.serviceAccountToken.audience == {json.dumps(token_audience)}"
    )
    projected = f"has(v.projected) && has(v.projected.sources) && v.projected.sources.all(source, {token})"
    # Kubernetes publishes it in every namespace (ConfigMap kube-root-ca.crt).
    certificate = "has(v.configMap) && v.configMap.name == 'kube-root-ca.crt'"
    allowed = f"has(v.emptyDir) || has(v.downwardAPI) || ({certificate}) || ({projected})"
    return f"!has(object.spec.volumes) || object.spec.volumes.all(v, {allowed})"


def _label_of(labels: str) -> str:
    """The value of label `key` in a map of labels, empty where it is not there."""
    return f"(key in {labels} ? {labels}[key] : '')"


def _environment(containers: str) -> str:
    single = "!has(c.env) || c.env.all(e, !has(e.valueFrom) || !has(e.valueFrom.secretKeyRef))"
    whole = "!has(c.envFrom) || c.envFrom.all(f, !has(f.secretRef))"
    return f"variables.{containers}.all(c, ({single}) && ({whole}))"


def _privileges(containers: str) -> str:
    context = "c.securityContext"
    rules = [
        f"has({context}) && has({context}.allowPrivilegeEscalation) && !{context}.allowPrivilegeEscalation",
        f"!(has({context}.privileged) && {context}.privileged)",
        f"(!has({context}.capabilities) || !has({context}.capabilities.add) || {context}.capabilities.add.size() == 0)",
        "(!has(c.ports) || c.ports.all(p, !has(p.hostPort) || p.hostPort == 0))",
    ]
    return f"variables.{containers}.all(c, {' && '.join(rules)})"


def _pods_of_tasks(*rules: Manifest) -> Manifest:
    selector = {
        "matchLabels": {PURPOSE_LABEL: "tasks"},
        "matchExpressions": [{"key": TENANT_LABEL, "operator": "Exists"}],
    }
    return {"resourceRules": list(rules), "namespaceSelector": selector}


def _rule(resource: str, *operations: str) -> Manifest:
    return {"apiGroups": [""], "apiVersions": ["v1"], "resources": [resource], "operations": list(operations)}


def _policy(name: str, constraints: Manifest, **spec: object) -> Manifest:
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {"failurePolicy": "Fail", "matchConstraints": constraints, **spec},
    }
