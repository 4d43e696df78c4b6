"""Attacks of one team's task on another team, and what refuses each: the data of a proof and of a document.

`docs/security.md` shows the table; `tests/cluster/test_platform_attacks.py` runs them all in a pod of mobility's, with
what a pod of its own gives it and with what everybody knows of weather: names, addresses, client ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

ATTACKER: Final = "mobility"
VICTIM: Final = "weather"
PROOF: Final = "tests/cluster/test_platform_attacks.py"


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One expression of Python, tried in the attacker's task; what it gives or raises is its outcome."""

    what: str
    held: str
    """The layer that refuses it."""
    code: str
    """May use what `PRELUDE` defines, and `known`, the configuration of the run."""
    says: str
    """Part of the refusal."""


PRELUDE: Final = '''
import json
import os
import socket
import ssl
import urllib.error
import urllib.request

import psycopg2
from airflow.sdk import Connection, Variable
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import GetDagRun, GetDRCount, GetXCom, TriggerDagRun
from ariel_runtime import secrets
from azure.identity import DefaultAzureCredential, WorkloadIdentityCredential
from azure.keyvault.secrets import SecretClient
from azure.storage.blob import BlobServiceClient

VAULT, DATABASE = "https://vault.azure.net/.default", "https://ossrdbms-aad.database.windows.net/.default"
TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"


def token_of(client_id, tenant_id=None):
    tenant = {"tenant_id": tenant_id} if tenant_id else {}
    return WorkloadIdentityCredential(client_id=client_id, **tenant).get_token(VAULT).token


def token_by(text, client_id):
    """With that text in the place of the pod's own assertion."""
    path = "/tmp/assertion"
    with open(path, "w") as file:
        file.write(text)
    return WorkloadIdentityCredential(client_id=client_id, token_file_path=path).get_token(VAULT).token


def vault(url):
    return SecretClient(url, DefaultAzureCredential())


def blobs(known, container):
    client = BlobServiceClient(known["logs"], DefaultAzureCredential()).get_container_client(container)
    return [each.name for each in client.list_blobs()]


def kubernetes(path, token=None):
    """What the cluster's API answers; the pod has no token for it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}{path}"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        return urllib.request.urlopen(request, timeout=20, context=context).read()
    except urllib.error.HTTPError as error:
        raise PermissionError(f"{error.code} {error.read().decode()}") from None


def sign_in(host, port, user, password, database):
    psycopg2.connect(host=host, port=port, user=user, password=password, dbname=database, connect_timeout=20).close()


def reached(host, port):
    """Nothing is asked of who answers."""
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as error:
        raise ConnectionError(f"nobody answers at {host}: {error}") from None
    return True


def read(path):
    with open(path) as file:
        return file.read()


def airflow(request):
    """What the API server answers to the task, by the way that operators and sensors ask."""
    return task_runner.SUPERVISOR_COMMS.send(request)
'''

_BACKEND: Final = "the tenant's secrets backend: names are those of its own vault"
_ENTRA: Final = "Entra: the identity's federated credential names one service account"
_VAULT: Final = "Key Vault: roles on the own vault only"
_BLOB: Final = "blob storage: a role on the own container only"
_KUBERNETES: Final = "Kubernetes: the pod has no token for its API, and its account no right"
_DAGS: Final = "the API server: a task names DAGs of its own tenant"
_DAG_OF_OWN: Final = "a DAG of the task's own tenant"
_ABSENT: Final = "VARIABLE_NOT_FOUND"

CONTROLS: Final[Mapping[str, str]] = {
    "own variable": 'Variable.get("closed")',
    "own vault": 'vault(known["own_vault"]).get_secret("airflow-variables-closed").value',
    "own log container": 'len(blobs(known, known["own_container"])) > 0',
    "own identity": 'len(token_of(os.environ["AZURE_CLIENT_ID"])) > 100',
    "own runs": f'airflow(GetDRCount(dag_id="{ATTACKER}.attacks")).count > 0',
    "own way out": 'reached("airflow-api-server.airflow.svc", 8080)',
}
"""What the same code may do with the attacker's own: without it the refusals would say little."""

ATTACKS: Final[Mapping[str, Attack]] = {
    "dotted": Attack(
        what=f"ask Airflow for `{VICTIM}.closed`",
        held=_BACKEND,
        code=f'Variable.get("{VICTIM}.closed")',
        says=_ABSENT,
    ),
    "separator": Attack(
        what=f"ask Airflow for `{VICTIM}--closed`, as it is called in a shared vault",
        held="the tenant's secrets backend: the separator of teams is refused",
        code=f'Variable.get("{VICTIM}--closed")',
        says="separates a team from its names",
    ),
    "encoded": Attack(
        what="ask Airflow for the name in the vault, `airflow-variables-closed`",
        held=_BACKEND,
        code='Variable.get("airflow-variables-closed")',
        says=_ABSENT,
    ),
    "plain secret": Attack(
        what="ask for the plain secret that only the other team has",
        held=_BACKEND,
        code='secrets.get("closed-token")',
        says="a secret in the tenant's vault",
    ),
    "start": Attack(
        what="start a run of the other team's DAG, with a configuration of its choice",
        held=_DAGS,
        code=f'airflow(TriggerDagRun(dag_id="{VICTIM}.diagnostics", run_id="attack", conf={{"city": "x"}}))',
        says=_DAG_OF_OWN,
    ),
    "run": Attack(
        what="read a run of the other team's DAG, with its configuration",
        held=_DAGS,
        code=f'airflow(GetDagRun(dag_id="{VICTIM}.diagnostics", run_id=known["run"]))',
        says=_DAG_OF_OWN,
    ),
    "runs": Attack(
        what="count the runs of the other team's DAG",
        held=_DAGS,
        code=f'airflow(GetDRCount(dag_id="{VICTIM}.diagnostics"))',
        says=_DAG_OF_OWN,
    ),
    "xcom": Attack(
        what="read what a task of the other team returned",
        held=_DAGS,
        code=(
            f'airflow(GetXCom(dag_id="{VICTIM}.diagnostics", run_id=known["run"], task_id="report", '
            'key="report")).value'
        ),
        says=_DAG_OF_OWN,
    ),
    "vault": Attack(
        what="read the other team's vault by Azure's SDK",
        held=_VAULT,
        code='vault(known["vault"]).get_secret("airflow-variables-closed").value',
        says="Caller is not authorized to perform action on resource",
    ),
    "vault names": Attack(
        what="list the names in the other team's vault",
        held=_VAULT,
        code='[each.name for each in vault(known["vault"]).list_properties_of_secrets()]',
        says="Caller is not authorized to perform action on resource",
    ),
    "vault write": Attack(
        what="set a secret in the own vault",
        held="Key Vault: tasks read and do not write",
        code='vault(known["own_vault"]).set_secret("airflow-variables-closed", "x").name',
        says="Caller is not authorized to perform action on resource",
    ),
    "identity": Attack(
        what="sign in as the other team's identity",
        held=_ENTRA,
        code='token_of(known["client"])',
        says="AADSTS700213",
    ),
    "platform identity": Attack(
        what="sign in as the API server's identity, which may set every team's secrets",
        held=_ENTRA,
        code='token_of(known["platform_client"])',
        says="AADSTS700213",
    ),
    "group identity": Attack(
        what="sign in as a DAG group's identity of the own team, without asking for its account",
        held=_ENTRA,
        code='token_of(known["group_client"])',
        says="AADSTS700213",
    ),
    "directory": Attack(
        what="sign in at another directory",
        held="Entra: the directory is not known",
        code='token_of(os.environ["AZURE_CLIENT_ID"], "99999999-9999-4999-8999-999999999999")',
        says="AADSTS90002",
    ),
    "application": Attack(
        what="sign in as an application that is not there",
        held="Entra: the application is not known",
        code='token_of("99999999-9999-4999-8999-999999999999")',
        says="AADSTS700016",
    ),
    "forged": Attack(
        what="sign in with an assertion whose signature was altered",
        held="Entra: the cluster's key",
        code='token_by(read(os.environ[TOKEN_FILE])[:-20] + "A" * 20, os.environ["AZURE_CLIENT_ID"])',
        says="AADSTS50013",
    ),
    "garbage": Attack(
        what="sign in with an assertion that is none",
        held="Entra: the assertion's form",
        code='token_by("no token", os.environ["AZURE_CLIENT_ID"])',
        says="AADSTS50027",
    ),
    "logs": Attack(
        what="read the other team's log container",
        held=_BLOB,
        code='blobs(known, known["container"])',
        says="This request is not authorized to perform this operation",
    ),
    "secrets of the cluster": Attack(
        what="list Secrets of the other team's namespace, without a token",
        held=_KUBERNETES,
        code=f'kubernetes("/api/v1/namespaces/tasks-{VICTIM}/secrets")',
        says="Unauthorized",
    ),
    "configuration of the cluster": Attack(
        what="read the platform's ConfigMaps with the pod's token for Entra",
        held="Kubernetes: the token is for another audience",
        code='kubernetes("/api/v1/namespaces/airflow/configmaps", read(os.environ[TOKEN_FILE]))',
        says="Unauthorized",
    ),
    "token of the cluster": Attack(
        what="find a token for Kubernetes in the pod",
        held="the pod's template mounts none; admission refuses one",
        code='read("/var/run/secrets/kubernetes.io/serviceaccount/token")',
        says="No such file",
    ),
    "pgbouncer": Attack(
        what="open the other team's alias at PgBouncer without its password",
        held="PgBouncer: each login opens its own alias; network policies keep tasks from it besides",
        code=(f'sign_in(known["pgbouncer"], 6432, "ariel_dagproc_{VICTIM}", "guess", "ariel_dagproc_{VICTIM}")'),
        says="authentication failed",
    ),
    "database": Attack(
        what="sign in to PostgreSQL as the other team's role with the task's own token",
        held="PostgreSQL: a role takes the tokens of one identity; network policies keep tasks from it besides",
        code=(
            f'sign_in(known["database"], 5432, "ariel_dagproc_{VICTIM}", '
            'DefaultAzureCredential().get_token(DATABASE).token, "airflow")'
        ),
        says="authentication failed",
    ),
    "metadata service": Attack(
        what="open a connection to the node's metadata service, `169.254.169.254`",
        held="the sandbox's network, which ends at its host; on Azure the network policies",
        code='reached("169.254.169.254", 80)',
        says="nobody answers",
    ),
}


def dag_file(slug: str) -> str:
    """A DAG of one task that tries everything and returns {name: [whether it was let, what it gave or said]}."""
    attempts = {name: attack.code for name, attack in ATTACKS.items()} | dict(CONTROLS)
    lines = "\n".join(f"        {name!r}: lambda: {code}," for name, code in attempts.items())
    return f'''from airflow.sdk import DAG, get_current_context, task


def attempts(known):
    {PRELUDE.strip().replace(chr(10), chr(10) + "    ")}

    return {{
{lines}
    }}


with DAG("{slug}.attacks", schedule=None):

    @task(retries=0)
    def attack():
        found = {{}}
        for name, attempt in attempts(get_current_context()["dag_run"].conf).items():
            try:
                found[name] = [True, str(attempt())]
            except Exception as error:
                found[name] = [False, f"{{type(error).__name__}}: {{error}}"]
        return found

    attack()
'''


ELSEWHERE: Final = (
    ("ask for another team's namespace, account or template by a pod override", "tests/cluster/test_task_requests.py"),
    ("ask for the identity of a DAG group that the team has not", "tests/cluster/test_task_requests.py"),
    ("ask with the token of a try that is over, as one of no team", "tests/unit/runtime/test_own_dags.py"),
    ("take variables or a volume from a Secret, or a token for Kubernetes", "tests/engine/test_admission.py"),
    ("open an alias at PgBouncer with the login of another", "tests/cluster/test_platform_database.py"),
    (
        "reach the metadata service of a node on Azure; by the rules of the planned graph only",
        "tests/unit/test_graph_rules.py",
    ),
)
"""What a task tries to -> the proof that it is refused."""


def table() -> Iterator[str]:
    """The attacks as a table in Markdown, line by line."""
    yield from ("| a task tries to | refused by |", "|---|---|")
    yield from (f"| {attack.what} | {attack.held} |" for attack in ATTACKS.values())
    yield from ("", "Tried elsewhere:", "", "| a task tries to | proof |", "|---|---|")
    yield from (f"| {what} | `{proof}` |" for what, proof in ELSEWHERE)
