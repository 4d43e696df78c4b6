"""Against the Airflow that is installed: settings exist, commands are understood, credentials are read from files."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pulumi
import pytest
import yaml
from ariel_runtime.secrets.names import PLATFORM_CONNECTIONS, owner_prefix

from components.airflow_settings import shared_env, task_env
from components.dag_processor import DagProcessor, DagProcessorArgs
from components.pod import INIT
from components.tenant_airflow import (
    APPLICATIONS,
    EXECUTOR,
    application_environment,
    bundle_list,
    secrets_environment,
    task_environment,
)
from components.triggerer import Triggerer, TriggererArgs
from stacks.tenant import Application, Egress, Processor, Repository
from stacks.tenant import Triggerer as TriggererSettings
from tests.harness import Graph, record
from tests.pod_rules import Manifest, not_hardened

REPOSITORY = Repository.model_validate({"url": "https://git.example.org/weather.git", "path": "flows"})
PASSWORD = "correct horse"  # noqa: S105
CREDENTIALS = "/etc/ariel/credentials"
WORKLOADS = ("processor", "triggerer")
CLIENT, DIRECTORY, OTHER = (f"{digit * 8}-1111-4111-8111-111111111111" for digit in "123")
BY_CERTIFICATE = {"clientId": CLIENT, "tenantId": OTHER, "certificate": "partner.pem"}
PARTNER = {"partner": Application.model_validate(BY_CERTIFICATE)}


def program() -> None:
    image = "registry.example.org/airflow:1"
    password = pulumi.Output.secret(PASSWORD)
    processor = DagProcessorArgs(
        slug="weather",
        namespace="parse-weather",
        image=image,
        repository=REPOSITORY,
        stack="local",
        processor=Processor.model_validate({"processes": 3, "fileTimeout": 90, "importTimeout": 45}),
        password=password,
    )
    triggerer = TriggererArgs(
        slug="weather",
        namespace="parse-weather",
        image=image,
        repository=REPOSITORY,
        stack="local",
        triggerer=TriggererSettings(),
        destinations=(Egress.model_validate({"cidr": "10.9.0.0/16", "port": 445}),),
        endpoints_range="10.40.16.0/24",
        client_id="client",
        password=password,
        fernet_key=pulumi.Output.secret("fernet"),
        vault_url="https://kv.vault.azure.net/",
        shared_vault=False,
        log_account_url="https://logs.blob.core.windows.net/",
        log_container="weather",
        applications=PARTNER,
        directory=DIRECTORY,
    )
    DagProcessor("processor", processor)
    Triggerer("triggerer", triggerer)
    tasks = task_environment(
        "weather",
        REPOSITORY,
        vault_url="https://kv",
        shared_vault=True,
        log_container="weather",
        applications={},
        directory=DIRECTORY,
    )
    pulumi.export("tasks", tasks)
    pulumi.export("own", secrets_environment("weather", REPOSITORY, "https://kv", shared=False))


@pytest.fixture(scope="module")
def graph() -> Graph:
    return record(program)


def container_of(graph: Graph, name: str) -> Manifest:
    found: Manifest = graph.one("apps/v1:Deployment", name).inputs["spec"]["template"]["spec"]["containers"][0]
    return found


def environment_of(graph: Graph, name: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container_of(graph, name)["env"]}


@pytest.fixture(scope="module")
def options() -> set[tuple[str, str]]:
    """(section, key) of every option of Airflow's core and its providers, read without importing Airflow."""
    spec = importlib.util.find_spec("airflow")
    assert spec
    assert spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations)))
    return set(_options(folder))


def _options(folder: Path) -> Iterator[tuple[str, str]]:
    parts = [yaml.safe_load((folder / "config_templates" / "config.yml").read_text())]
    for file in (folder / "providers").rglob("get_provider_info.py"):
        parts.append(runpy.run_path(str(file))["get_provider_info"]().get("config", {}))
    for part in parts:
        for section, described in part.items():
            yield from ((section, key) for key in described["options"])


def settings_in(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    names = [name.removesuffix("_CMD").lower().split("__") for name in environment if name.startswith("AIRFLOW__")]
    return [(section, key) for _, section, key in names]


@pytest.mark.parametrize("name", WORKLOADS)
def test_no_variable_is_a_setting_that_airflow_does_not_know(
    graph: Graph, options: set[tuple[str, str]], name: str
) -> None:
    given = settings_in(environment_of(graph, name))
    assert len(given) > 8
    assert [setting for setting in given if setting not in options] == []


def test_no_setting_of_a_task_pod_is_unknown(graph: Graph, options: set[tuple[str, str]]) -> None:
    given = settings_in(graph.outputs["tasks"])
    assert len(given) == 4
    assert [setting for setting in given if setting not in options] == []


def run_airflow(script: str, home: Path, environment: Mapping[str, str]) -> str:
    """In a process of its own, since Airflow reads its settings at import."""
    own = {"AIRFLOW_HOME": str(home), "HOME": str(home), "PATH": os.environ["PATH"]}
    result = subprocess.run([sys.executable, "-c", script], env={**own, **environment}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[-1]


def test_airflow_understands_every_command(graph: Graph, tmp_path: Path) -> None:
    processor, triggerer = (container_of(graph, name)["command"][len(INIT) :] for name in WORKLOADS)
    assert processor[2:5] == ["python", "-m", "ariel_runtime.dag_processor"]
    assert triggerer[:3] == ["python", "-m", "ariel_runtime.triggerer"]
    commands = [["airflow", "dag-processor", *processor[5:]], ["airflow", "triggerer", *triggerer[3:]]]
    script = (
        "import json; from airflow.cli import cli_parser\n"
        f"parsed = [vars(cli_parser.get_parser().parse_args(command[1:])) for command in {commands!r}]\n"
        "print(json.dumps(parsed, default=str))"
    )
    parsed = json.loads(run_airflow(script, tmp_path, {"AIRFLOW_CONFIG": "/dev/null"}))
    assert parsed[0]["bundle_name"] == ["weather"]
    assert (parsed[1]["team_name"], parsed[1]["skip_serve_logs"], parsed[1]["capacity"]) == ("weather", True, 200)


def test_a_file_that_allocates_too_much_fails_alone_before_the_kernel_ends_the_container(graph: Graph) -> None:
    container = container_of(graph, "processor")
    assert container["resources"]["limits"]["memory"] == "1Gi"
    limit = container["command"][len(INIT) :][:2]
    assert limit == ["prlimit", f"--data={768 * 2**20}"]
    greedy = [*limit, sys.executable, "-c", "b'x' * (1 << 30)"]
    assert "MemoryError" in subprocess.run(greedy, capture_output=True, text=True).stderr


def test_process_1_reaps_what_git_and_parsing_leave_behind(graph: Graph) -> None:
    for name in WORKLOADS:
        assert container_of(graph, name)["command"][:2] == ["/usr/bin/dumb-init", "--"]


def test_the_probes_ask_for_the_heartbeat_of_the_job_that_the_pod_runs(graph: Graph) -> None:
    from airflow.jobs.dag_processor_job_runner import DagProcessorJobRunner
    from airflow.jobs.triggerer_job_runner import TriggererJobRunner

    for name, runner in zip(WORKLOADS, (DagProcessorJobRunner, TriggererJobRunner), strict=True):
        container = container_of(graph, name)
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["exec"]["command"][:4] == ["python", "-m", "ariel_runtime.alive", runner.job_type]


def test_airflow_reads_the_credentials_from_their_files_and_writes_no_file_of_settings(
    graph: Graph, tmp_path: Path
) -> None:
    contents = {"connection": f"sqlite:///{tmp_path}/airflow.db", "fernet-key": "value-of-fernet-key"}
    for file, content in contents.items():
        (tmp_path / file).write_text(content)
    given = environment_of(graph, "triggerer")
    environment = {name: value.replace(CREDENTIALS, str(tmp_path)) for name, value in given.items()}
    # The executor comes with the image, which this machine does not have.
    del environment["AIRFLOW__CORE__EXECUTOR"]
    script = (
        "import json; from airflow.configuration import conf\n"
        "print(json.dumps([conf.get('database', 'sql_alchemy_conn'), conf.get('core', 'fernet_key'),\n"
        "    conf.getjson('dag_processor', 'dag_bundle_config_list'), conf.getjson('secrets', 'backend_kwargs')]))"
    )
    home = tmp_path / "home"
    connection, fernet_key, bundles, arguments = json.loads(run_airflow(script, home, environment))
    assert (connection, fernet_key) == (contents["connection"], contents["fernet-key"])
    assert [bundle["name"] for bundle in bundles] == ["weather"]
    assert arguments["vault_url"] == "https://kv.vault.azure.net/"
    assert not (home / "airflow.cfg").exists()


def test_the_processor_gets_no_key_and_no_vault_that_tenant_code_could_read_while_parsing(graph: Graph) -> None:
    given = environment_of(graph, "processor")
    of_secrets = {name: value for name, value in given.items() if "SECRET" in name}
    assert of_secrets == {"AIRFLOW__WORKERS__SECRETS_BACKEND": "ariel_runtime.secrets.parsing.WhileParsing"}
    assert not [name for name in given if "FERNET" in name or "JWT" in name or "VAULT" in name]
    assert set(graph.one("core/v1:Secret", "processor").inputs["stringData"]) == {"connection"}


def test_the_triggerer_alone_gets_the_fernet_key_and_neither_gets_the_apis_secrets(graph: Graph) -> None:
    assert set(graph.one("core/v1:Secret", "triggerer").inputs["stringData"]) == {"connection", "fernet-key"}
    for name in WORKLOADS:
        assert not [key for key in environment_of(graph, name) if "JWT" in key or "API__SECRET" in key]


def test_each_process_signs_in_as_a_role_of_its_own(graph: Graph) -> None:
    urls = {name: graph.one("core/v1:Secret", name).inputs["stringData"]["connection"] for name in WORKLOADS}
    assert urls["processor"].endswith("/ariel_dagproc_weather")
    assert urls["triggerer"].endswith("/ariel_trigger_weather")
    assert "correct%20horse@pgbouncer.airflow.svc" in urls["processor"]


def test_a_password_stands_in_secrets_only_and_is_secret_to_the_engine(graph: Graph) -> None:
    holders = [each for each in graph.resources if "correct%20horse" in json.dumps(each.inputs)]
    assert {each.type for each in holders} == {"kubernetes:core/v1:Secret"}
    assert all(each.is_secret("stringData", "connection") for each in holders)
    assert not any(PASSWORD in json.dumps(each.inputs) for each in graph.resources)


def test_a_rotated_password_restarts_its_process(graph: Graph) -> None:
    template = graph.one("apps/v1:Deployment", "processor").inputs["spec"]["template"]
    assert len(template["metadata"]["annotations"]["ariel.dev/credentials"]) == 12


def test_both_are_hardened_and_hold_no_kubernetes_token(graph: Graph) -> None:
    specs = {name: graph.one("apps/v1:Deployment", name).inputs["spec"]["template"]["spec"] for name in WORKLOADS}
    assert not_hardened(specs) == []
    assert all(spec["automountServiceAccountToken"] is False for spec in specs.values())
    assert not any("projected" in volume for spec in specs.values() for volume in spec["volumes"])


def test_only_the_triggerer_takes_on_the_tenants_identity(graph: Graph) -> None:
    use = "azure.workload.identity/use"
    labelled = {
        name: graph.one("apps/v1:Deployment", name).inputs["spec"]["template"]["metadata"]["labels"].get(use)
        for name in WORKLOADS
    }
    assert labelled == {"processor": None, "triggerer": "true"}
    assert graph.one("ServiceAccount", "processor").inputs["metadata"]["annotations"] == {}


def test_a_dag_file_that_calls_a_service_while_it_is_parsed_reaches_nothing(graph: Graph) -> None:
    rules = graph.one("NetworkPolicy", "processor").inputs["spec"]["egress"]
    assert [rule["ports"][0]["port"] for rule in rules] == [6432, 9418]
    assert not any("ipBlock" in peer for rule in rules for peer in rule["to"])


def test_a_trigger_reaches_the_destinations_which_the_tenant_declared(graph: Graph) -> None:
    rules = graph.one("NetworkPolicy", "triggerer").inputs["spec"]["egress"]
    assert {"ipBlock": {"cidr": "10.9.0.0/16"}} in rules[-1]["to"]
    assert rules[-1]["ports"][0]["port"] == 445


def test_the_processor_parses_as_much_and_as_long_as_the_tenants_block_says(graph: Graph) -> None:
    given = environment_of(graph, "processor")
    assert given["AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES"] == "3"
    assert given["AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT"] == "90"
    assert given["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"] == "45"


def test_a_task_pod_is_not_told_of_teams_it_could_not_look_up() -> None:
    (for_tasks,) = json.loads(bundle_list("weather", REPOSITORY, team=False))
    (for_processor,) = json.loads(bundle_list("weather", REPOSITORY, team=True))
    assert "team_name" not in for_tasks
    assert for_processor.pop("team_name") == "weather"
    assert for_tasks == for_processor
    assert for_tasks["kwargs"]["subdir"] == "flows"


def test_tasks_and_triggers_know_the_tenants_applications_and_parsing_does_not(graph: Graph) -> None:
    assert json.loads(environment_of(graph, "triggerer")[APPLICATIONS]) == {"partner": BY_CERTIFICATE}
    assert APPLICATIONS not in environment_of(graph, "processor")


def test_an_application_without_an_entra_tenant_is_one_of_the_stacks_own() -> None:
    own = {"own": Application.model_validate({"clientId": CLIENT})}
    (listed,) = application_environment({**PARTNER, **own}, DIRECTORY).values()
    tenants = {name: each["tenantId"] for name, each in json.loads(str(listed)).items()}
    assert tenants == {"own": DIRECTORY, "partner": OTHER}


def test_a_tenant_without_applications_has_the_entry_that_it_had(graph: Graph) -> None:
    """A new variable would be a change of every tenant's entry and triggerer at once."""
    assert APPLICATIONS not in graph.outputs["tasks"]
    assert application_environment({}, DIRECTORY) == {}


def test_names_in_a_shared_vault_begin_with_the_slug(graph: Graph) -> None:
    shared = json.loads(graph.outputs["tasks"]["AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS"])
    own = json.loads(graph.outputs["own"]["AIRFLOW__SECRETS__BACKEND_KWARGS"])
    assert shared["owner"] == owner_prefix("weather")
    assert own["owner"] == owner_prefix(None)


def test_the_connections_that_a_pod_is_given_are_those_that_no_vault_is_asked_for(graph: Graph) -> None:
    of_all = task_env(host="", execution_url="", log_account_url="", environment="local")
    given = {**graph.outputs["tasks"], **of_all}
    ids = {name.removeprefix("AIRFLOW_CONN_").lower() for name in given if name.startswith("AIRFLOW_CONN_")}
    assert ids == PLATFORM_CONNECTIONS


def test_the_executor_is_the_one_of_the_release() -> None:
    assert {"name": "AIRFLOW__CORE__EXECUTOR", "value": EXECUTOR} in shared_env()
