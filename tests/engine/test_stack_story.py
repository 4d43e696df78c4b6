"""The main story on the real engine: build, repeat, grow, change, repair, shrink, destroy; each step by its causes."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.plan import Plan
from stacks.errors import SettingsError
from tests.workbench import Object, Workbench

SLUG = "energy"
GROUP_ID = "44444444-4444-4444-8444-444444444403"
SHORTEST_SECRET = 16
"""Characters; every password, salt and key that the program makes is longer."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What stands after one step of the story, and what the step did."""

    steps: list[dict[str, Any]]
    objects: Mapping[Object, dict[str, Any]]
    arm: Mapping[str, dict[str, Any]]
    """Id -> resource."""
    writes: list[str]
    """`METHOD path` of the requests to ARM that changed something during the step."""

    def names(self, op: str) -> set[str]:
        """`type::logical name` of the step's resources with that operation."""
        return {"::".join(step["urn"].split("::")[2:]).split("$")[-1] for step in self.steps if step["op"] == op}

    @property
    def operations(self) -> set[str]:
        return {step["op"] for step in self.steps}

    def versions(self) -> dict[Object, tuple[str, str]]:
        """Object -> uid and resource version: the same where nobody wrote it."""
        return versions(self.objects)


def versions(objects: Mapping[Object, dict[str, Any]]) -> dict[Object, tuple[str, str]]:
    return {key: (o["metadata"]["uid"], o["metadata"]["resourceVersion"]) for key, o in objects.items()}


def settled(bench: Workbench) -> Mapping[Object, dict[str, Any]]:
    """Everything in the cluster once two looks are the same: controllers go on where a step has ended."""
    objects = bench.objects()
    for _ in range(30):
        before, objects = objects, bench.objects()
        if versions(before) == versions(objects):
            return objects
    raise AssertionError("the cluster does not come to rest")


def look(bench: Workbench, work: Callable[[], Plan | list[dict[str, Any]]]) -> World:
    """Does one step of the story and takes down the world behind it."""
    before = len(bench.arm(path="requests"))
    done = work()
    return World(
        steps=done.steps if isinstance(done, Plan) else done,
        objects=settled(bench),
        arm={resource["id"]: resource for resource in bench.arm()},
        writes=bench.arm_writes(since=before),
    )


@pytest.fixture(scope="module")
def bench(new_workbench: Callable[[], Workbench]) -> Workbench:
    return new_workbench()


@pytest.fixture(scope="module")
def empty(bench: Workbench) -> World:
    """A cluster and an Azure in which nothing stands."""
    bench.session().prepare(cluster=True)
    return look(bench, Plan)


@pytest.fixture(scope="module")
def previewed(bench: Workbench, empty: World) -> Plan:
    return bench.preview()


@dataclass(frozen=True)
class FirstUp:
    world: World
    printed: str
    """Both streams of the command."""
    arguments: set[str]
    """The command lines of all processes on the machine while it ran."""
    secrets: set[str]
    """Every password, salt and key that the program has made."""
    status: str
    """What `ariel status --json` prints behind it."""
    kubeconfig: str
    """What `ariel kubeconfig` prints."""


@pytest.fixture(scope="module")
def first(bench: Workbench, previewed: Plan) -> FirstUp:
    """The command as a person runs it, with the machine's process list watched."""
    seen: set[str] = set()
    printed = ""

    def up() -> list[dict[str, Any]]:
        nonlocal printed
        with watched(seen):
            answer = bench.ariel("up", "--json")
        assert answer.returncode == 0, answer.stderr
        printed = answer.stdout + answer.stderr
        return list(json.loads(answer.stdout)["steps"])

    world = look(bench, up)
    made = [resource for resource in bench.resources() if resource["type"].startswith("random:")]
    secrets = {text for resource in made for text in in_clear(resource) if len(text) >= SHORTEST_SECRET}
    status, kubeconfig = bench.ariel("status", "--json"), bench.ariel("kubeconfig")
    return FirstUp(world, printed, seen, secrets, status.stdout, kubeconfig.stdout)


@contextmanager
def watched(seen: set[str]) -> Iterator[None]:
    """Collects the command lines of all processes for as long as the block runs."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(file.read_text(errors="replace").replace("\0", " "))
                except OSError:
                    continue  # It ended while we looked.

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


@pytest.fixture(scope="module")
def built(first: FirstUp) -> World:
    return first.world


@pytest.fixture(scope="module")
def repeated(bench: Workbench, built: World) -> World:
    return look(bench, bench.up)


@pytest.fixture(scope="module")
def grown(bench: Workbench, repeated: World) -> World:
    """A third tenant, written into the stack file by the command."""
    added = bench.ariel(
        *("tenant", "add", SLUG, "--owner", "energy-lead@contoso.com", "--group-id", GROUP_ID),
        *("--repository", "https://git.contoso.com/energy/dags.git"),
    )
    assert added.returncode == 0, added.stderr
    return look(bench, bench.up)


@pytest.fixture(scope="module")
def targeted(bench: Workbench, grown: World) -> World:
    """The third tenant's quota is changed, and only one of the resources that follow from it is asked for."""
    bench.edit("pods: 20", "pods: 21")
    quota = next(step["urn"] for step in grown.steps if step["urn"].endswith(f"ResourceQuota::{SLUG}-namespaces"))
    return look(bench, lambda: bench.up(target=[quota]))


@pytest.fixture(scope="module")
def changed(bench: Workbench, targeted: World) -> World:
    return look(bench, bench.up)


@pytest.fixture(scope="module")
def repaired(bench: Workbench, changed: World) -> World:
    """Somebody has changed a tag in Azure, the size of a Deployment and the subject of a RoleBinding.

    Not one subject more: the provider, the published one too, compares a list up to the length that it asked for.
    """
    group = next(resource for resource in changed.arm.values() if resource["name"].endswith("-weather"))
    assert group["type"] == "Microsoft.Resources/resourceGroups"
    body = {"location": group["location"], "tags": {**group["tags"], "owner": "intruder@contoso.com"}}
    bench.azure("PUT", group["id"], body=body, params={"api-version": "2025-04-01"})
    bench.kubectl("scale", "deployment", "pgbouncer", "--namespace=airflow", "--replicas=7")
    binding = next(key[2] for key in changed.objects if key[:2] == ("RoleBinding", "tasks-weather"))
    intruder = [{"op": "replace", "path": "/subjects/0/name", "value": "intruder"}]
    bench.kubectl(
        "patch", "rolebinding", binding, "--namespace=tasks-weather", "--type=json", "-p", json.dumps(intruder)
    )
    return look(bench, lambda: bench.up(refresh=True))


@pytest.fixture(scope="module")
def renamed(bench: Workbench, repaired: World) -> pytest.ExceptionInfo[SettingsError]:
    """The slug in the file is another one, for one run."""
    bench.edit(f"    {SLUG}:\n", "    power:\n")
    with pytest.raises(SettingsError) as refused:
        bench.up()
    bench.edit("    power:\n", f"    {SLUG}:\n")
    return refused


@pytest.fixture(scope="module")
def shrunk(bench: Workbench, renamed: object) -> World:
    assert bench.ariel("tenant", "remove", SLUG).returncode == 0
    return look(bench, bench.up)


@pytest.fixture(scope="module")
def destroyed(bench: Workbench, shrunk: World) -> World:
    return look(bench, bench.destroy)


def belongs(name: str) -> bool:
    """Whether a `type::logical name`, an ARM path or a cluster's object is the third tenant's."""
    return re.search(rf"(^|[^a-z0-9]){SLUG}($|[^a-z0-9])", name) is not None


def test_the_first_preview_says_what_up_then_makes(previewed: Plan, built: World) -> None:
    assert set(previewed.summary) == {"create"}
    assert {step["urn"] for step in previewed.steps} == {step["urn"] for step in built.steps}


def test_the_first_up_makes_every_resource_and_does_nothing_else(built: World) -> None:
    assert built.operations == {"create"}
    assert len(built.arm) > 100
    assert {("Namespace", "", name) for name in ("airflow", "tasks-weather", "parse-mobility")} <= built.objects.keys()


def test_the_status_says_what_runs_and_who_is_there(first: FirstUp) -> None:
    status = json.loads(first.status)
    assert status.keys() == {"components", "tenants"}
    ready = {component["name"]: component["ready"] for component in status["components"]}
    assert ready == dict.fromkeys(("arm", "etcd", "kube-apiserver", "kube-controller-manager"), True)
    assert {"slug": "weather", "namespace": "tasks-weather", "last_run": None} in status["tenants"]
    assert {tenant["slug"] for tenant in status["tenants"]} == {"weather", "mobility"}


def test_the_kubeconfig_is_that_of_the_stacks_cluster(first: FirstUp, bench: Workbench) -> None:
    assert Path(first.kubeconfig.rstrip("\n")) == bench.session().sandbox.cluster().kubeconfig


def test_a_second_up_changes_nothing(built: World, repeated: World) -> None:
    assert repeated.operations == {"same"}
    assert len(repeated.steps) == len(built.steps)
    assert repeated.writes == []
    assert repeated.versions() == built.versions()


def test_a_new_tenant_makes_only_its_own_resources(grown: World, built: World) -> None:
    assert grown.operations == {"same", "create"}
    assert len(grown.names("same")) == len(built.steps)
    assert len(grown.names("create")) > 50
    assert [name for name in grown.names("create") if not belongs(name)] == []


def test_a_new_tenant_writes_nothing_of_others_in_azure(grown: World, repeated: World) -> None:
    ids = set(grown.arm) - set(repeated.arm)
    assert ids
    foreign = [write for write in grown.writes if not any(write.split()[1].lower() == i.lower() for i in ids)]
    assert foreign == []
    # Not the whole resource: a zone counts its records.
    untouched = {i: resource.get("etag") for i, resource in repeated.arm.items()}
    assert {i: grown.arm[i].get("etag") for i in repeated.arm} == untouched


def test_a_new_tenant_touches_no_object_of_others_in_the_cluster(grown: World, repeated: World) -> None:
    new = grown.versions().keys() - repeated.versions().keys()
    assert [key for key in new if not belongs(f"{key[1]} {key[2]}")] == []
    assert {key: grown.versions()[key] for key in repeated.versions()} == repeated.versions()


def test_a_target_is_the_only_thing_that_changes(targeted: World) -> None:
    assert targeted.names("update") == {f"kubernetes:core/v1:ResourceQuota::{SLUG}-namespaces"}
    assert targeted.operations == {"same", "update"}


def test_a_changed_quota_changes_only_what_its_tenant_has_of_it(changed: World) -> None:
    assert changed.operations == {"same", "update"}
    assert changed.names("update") == {f"kubernetes:core/v1:ConfigMap::{SLUG}-registry"}
    assert changed.objects["ResourceQuota", f"tasks-{SLUG}", "tasks"]["spec"]["hard"]["pods"] == "21"
    assert changed.writes == []


def test_drift_is_repaired_and_nothing_else_is_touched(repaired: World, changed: World) -> None:
    assert len(repaired.names("update")) == 3, repaired.names("update")
    assert repaired.operations <= {"same", "update"}
    assert {i: r.get("tags") for i, r in repaired.arm.items()} == {i: r.get("tags") for i, r in changed.arm.items()}
    for kind, part in (("Deployment", "spec"), ("RoleBinding", "subjects")):
        wanted = {key: each[part] for key, each in changed.objects.items() if key[0] == kind}
        assert {key: each[part] for key, each in repaired.objects.items() if key[0] == kind} == wanted


def test_a_renamed_slug_is_refused_with_what_to_do(renamed: pytest.ExceptionInfo[SettingsError]) -> None:
    (problem,) = renamed.value.problems
    assert problem.path == "tenants.power"
    assert SLUG in problem.value
    assert "a slug is for good" in problem.rule
    assert f"write {SLUG} again" in problem.action


def test_a_removed_tenant_leaves_nothing_behind(shrunk: World, repeated: World) -> None:
    assert shrunk.operations == {"same", "delete"}
    assert [name for name in shrunk.names("delete") if not belongs(name)] == []
    assert set(shrunk.arm) == set(repeated.arm)
    assert shrunk.objects.keys() == repeated.objects.keys()


def test_a_removed_tenants_vault_is_not_even_soft_deleted(shrunk: World, bench: Workbench) -> None:
    assert any("/deletedVaults/" in write and write.endswith("/purge") for write in shrunk.writes)
    subscription = bench.session().settings.azure.subscription_id
    path = f"/subscriptions/{subscription}/providers/Microsoft.KeyVault/deletedVaults"
    assert bench.azure("GET", path, params={"api-version": "2024-11-01"})["value"] == []


def test_a_removed_tenant_costs_others_nothing(shrunk: World, changed: World) -> None:
    kept = {key: version for key, version in changed.versions().items() if not belongs(f"{key[1]} {key[2]}")}
    written = [key for key, version in kept.items() if shrunk.versions()[key] != version]
    # Those that drifted and were repaired in between.
    assert {key[0] for key in written} <= {"Deployment", "ReplicaSet", "RoleBinding", "Pod", "PodDisruptionBudget"}


def test_destroy_leaves_an_empty_azure_and_an_empty_cluster(destroyed: World, empty: World) -> None:
    assert destroyed.operations == {"delete"}
    assert set(destroyed.arm) == set(empty.arm)
    left = destroyed.objects.keys() - empty.objects.keys()
    # Controllers write accounts and the root certificate into the namespaces that every cluster has.
    assert {key for key in left if key[0] != "ServiceAccount" and key[2] != "kube-root-ca.crt"} == set()
    assert {key[1] for key in left} <= {"default", "kube-node-lease", "kube-public", "kube-system"}


def in_clear(value: Any) -> Iterator[str]:
    """Every secret string in a piece of the exported state."""
    if isinstance(value, dict) and "plaintext" in value:
        found = json.loads(value["plaintext"])
        yield from [found] if isinstance(found, str) else []
    elif isinstance(value, dict):
        for each in value.values():
            yield from in_clear(each)
    elif isinstance(value, list):
        for each in value:
            yield from in_clear(each)


def test_no_secret_stands_in_clear_in_state_history_or_logs(bench: Workbench, first: FirstUp, changed: World) -> None:
    assert len(first.secrets) > 5
    kept = bench.session().sandbox.paths
    folders = [kept.backend, kept.pulumi_home, kept.logs, kept.root / "project", kept.cluster / "logs", bench.temporary]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert any("history" in str(file) for file in files)
    contents = {file: file.read_bytes() for file in [*files, kept.arm / "requests.jsonl"]}
    shown = [str(file) for file, content in contents.items() if any(s.encode() in content for s in first.secrets)]
    assert shown == []


def test_no_secret_is_printed_or_passed_on_a_command_line(first: FirstUp) -> None:
    assert any("sandbox.plugins.kubernetes" in line for line in first.arguments)
    assert [line for line in first.arguments if any(secret in line for secret in first.secrets)] == []
    assert not any(secret in first.printed for secret in first.secrets)
