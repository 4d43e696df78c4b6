"""A person's way into a running platform: shells in its pods and in one like a team's tasks, and its database."""

from __future__ import annotations

import json

import pytest

from tests.cluster.running_platform import STACK, RunningPlatform

IDENTITY = """
python - <<'PROGRAM'
import json, os
from azure.identity import DefaultAzureCredential
from airflow.sdk import Variable
DefaultAzureCredential().get_token("https://vault.azure.net/.default")
print(json.dumps({"client": os.environ["AZURE_CLIENT_ID"], "variable": Variable.get("of_a_shell")}))
PROGRAM
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("scheduler",),
        ("api-server",),
        ("pgbouncer",),
        ("reconciler",),
        *((part, "--tenant", "weather") for part in ("dag-processor", "triggerer", "git-mirror")),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_shell_is_in_the_pod_that_was_named(platform: RunningPlatform, arguments: tuple[str, ...]) -> None:
    done = platform.workbench.ariel("shell", *arguments, "--env", STACK, input="uname -n; exit 7\n")
    assert done.returncode == 7, done.stderr
    assert arguments[0] in done.stdout


def test_a_tasks_shell_is_the_team_and_leaves_no_pod(platform: RunningPlatform) -> None:
    """The admission policies take its pod, and the webhook and the vault take it for a task."""
    platform.set_secret("weather", "variable", "of_a_shell", "of-weather")
    done = platform.workbench.ariel("shell", "task", "--tenant", "weather", "--env", STACK, input=IDENTITY)
    assert done.returncode == 0, done.stderr
    (account,) = [
        each for each in platform.get("serviceaccounts", "tasks-weather") if each["metadata"]["name"] == "task"
    ]
    client = account["metadata"]["annotations"]["azure.workload.identity/client-id"]
    assert json.loads(done.stdout.splitlines()[-1]) == {"client": client, "variable": "of-weather"}
    platform.until(
        lambda: not platform.get("pods", "tasks-weather", "app.kubernetes.io/name=shell"), "the shell's pod is gone"
    )


def test_the_database_is_opened_by_a_persons_token(platform: RunningPlatform) -> None:
    group = platform.session.settings.azure.admin_group_name
    done = platform.workbench.ariel(
        "db", "psql", "--env", STACK, input="SELECT current_user || ' in ' || current_database();\n"
    )
    assert done.returncode == 0, done.stderr
    assert f"{group} in airflow" in done.stdout
