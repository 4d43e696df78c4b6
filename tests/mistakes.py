"""Mistakes and attacks of one team's DAG files, and what becomes of each: the data of a proof and of a document.

`python -m tests.mistakes` writes `docs/mistakes.md` anew. On a running platform `tests/cluster/test_broken_dags.py`
breaks a repository with each of the files, and `test_task_requests.py` makes each request of a task.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Final

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "mistakes.md"
COMMAND: Final = "python -m tests.mistakes"


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One thing that is wrong, as the document says it; no cell may hold a line break."""

    what: str
    effect: str
    seen: str
    """Who sees it, and where."""
    held: str
    """The layer that kept it from others."""
    says: tuple[str, ...] = ()
    """What the owner's message holds; empty where Airflow shows none for sure."""


@dataclass(frozen=True, kw_only=True)
class BrokenFile(Mistake):
    """A DAG file that is wrong, parsed by the tenant's DAG processor."""

    text: str
    beside: Mapping[str, str] = field(default_factory=dict)
    """Further files that it needs: path below the folder of DAG files -> text."""


@dataclass(frozen=True, kw_only=True)
class BadRequest(Mistake):
    """An argument of a task that asks for what the team may not have."""

    argument: str
    """As it stands in the call of the operator."""
    parsed: bool = False
    """Whether the file is loaded all the same, so that only the executor can refuse."""


_DAG: Final = """
from airflow.sdk import DAG, task
{before}
with DAG("{dag_id}"):
    @task({arguments})
    def say():
        print("said")

    say()
"""


def dag_file(dag_id: str, *, before: str = "", arguments: str = "") -> str:
    """A DAG of one task; `before` runs while the file is parsed."""
    return _DAG.format(dag_id=dag_id, before=dedent(before), arguments=arguments)


_IMPORT_ERROR: Final = "the owner: import error of that file"

FILES: Final[Mapping[str, BrokenFile]] = {
    "syntax": BrokenFile(
        what="a syntax error",
        text=dag_file("weather.syntax", before="def broken(:"),
        effect="the file's DAGs are gone until it is mended, all others stay",
        seen=_IMPORT_ERROR,
        held="Airflow's parser",
        says=("SyntaxError",),
    ),
    "leaves": BrokenFile(
        what="`sys.exit` at top level",
        text=dag_file("weather.leaves", before="import sys\nsys.exit(3)"),
        effect="as a syntax error",
        seen=_IMPORT_ERROR,
        held="Airflow's parser",
        says=("SystemExit",),
    ),
    "vanishes": BrokenFile(
        what="`os._exit` at top level",
        text=dag_file("weather.vanishes", before="import os\nos._exit(3)"),
        effect="the process that parses the file ends without a word; the file has no DAGs",
        seen="the platform: log of the tenant's DAG processor; Airflow shows the owner nothing",
        held="one process per parsed file",
    ),
    "endless": BrokenFile(
        what="a loop at top level that never ends",
        text=dag_file("weather.endless", before="import time\nwhile True:\n    time.sleep(0.1)"),
        effect="one of the tenant's parsing processes is busy until `processor.importTimeout`, at each parse",
        seen=_IMPORT_ERROR,
        held="time-out of the import",
        says=("Timeout",),
    ),
    "greedy": BrokenFile(
        what="2 GB allocated at top level",
        text=dag_file("weather.greedy", before='held = b"x" * (2 << 30)'),
        effect="the file ends with a `MemoryError` at three quarters of the pod's memory; others of the tenant stay",
        seen=_IMPORT_ERROR,
        held="limit of data of each process (`prlimit`); the pod's memory behind it",
        says=("MemoryError",),
    ),
    "lacks": BrokenFile(
        what="a library that the image lacks",
        text=dag_file("weather.lacks", before="import no_such_library"),
        effect="as a syntax error",
        seen=_IMPORT_ERROR,
        held="Airflow's parser",
        says=("ModuleNotFoundError", "no_such_library"),
    ),
    "shares": BrokenFile(
        what="a shared module that fails",
        text=dag_file("weather.shares", before="import weather_shared"),
        beside={"weather_shared.py": 'raise RuntimeError("the shared module is broken")\n'},
        effect="every file that imports it is as one with a syntax error; files that do not, stay",
        seen="the owner: import error of each such file, which names the module's line",
        held="Airflow's parser",
        says=("the shared module is broken", "weather_shared.py"),
    ),
    "early": BrokenFile(
        what="a variable or connection that is looked up while the file is parsed",
        text=dag_file("weather.early", before='from airflow.sdk import Variable\nVariable.get("trips_table")'),
        effect="there is none: as a syntax error; a variable with a default has it, and the DAG is taken",
        seen="the owner: import error, or a warning beside the DAG, with file, line and what to do",
        held="the tenant's DAG processor has no vault and no grant on Airflow's own secrets",
        says=("early.py:4, variable: 'trips_table'", "move it into a task"),
    ),
    "many": BrokenFile(
        what="2,000 DAGs made by one file",
        text="from airflow.sdk import DAG\n\nfor number in range(2000):\n"
        '    globals()[f"made_{number}"] = DAG(f"weather.made_{number}")\n',
        effect="taken if the import ends within `processor.importTimeout`, else none; the tenant's other files wait",
        seen="the owner: 2,000 DAGs, or the import error of the time-out",
        held="time-out of the import; each tenant parses for itself",
    ),
    "unprefixed": BrokenFile(
        what="a DAG id without the tenant's prefix",
        text=dag_file("forecast"),
        effect="the DAG is not taken",
        seen=_IMPORT_ERROR,
        held="cluster policy; the database's trigger behind it",
        says=("dag_id: 'forecast'", "begins with 'weather.'", "rename the DAG to 'weather.forecast'"),
    ),
    "foreign": BrokenFile(
        what="the id of another tenant's DAG",
        text=dag_file("mobility.trips"),
        effect="the DAG is not taken; the other tenant keeps its own",
        seen=_IMPORT_ERROR,
        held="cluster policy; the database's trigger behind it",
        says=("dag_id: 'mobility.trips'", "begins with 'weather.'"),
    ),
}
"""Name of the file below the folder of DAG files, without its ending -> mistake."""

WITHOUT_POLICIES: Final = """
from airflow import settings
from airflow.dag_processing import dagbag

settings.dag_policy = settings.task_policy = lambda _: None
dagbag._validate_executor_fields = lambda *_: None
"""
"""What an attacker writes first: it takes the cluster policies out of the process that parses the file."""

FATAL: Final[Mapping[str, BrokenFile]] = {
    "forks": BrokenFile(
        what="a fork storm at top level",
        text=dag_file(
            "weather.forks",
            before="""
            import os, time
            for _ in range(4000):
                if os.fork() == 0:
                    time.sleep(60)
                    os._exit(0)
            """,
        ),
        effect="ends at the pod's memory, its limit of processes or the file's time-out; its processor may restart",
        seen="the platform: log and restarts of the tenant's DAG processor; Airflow may show the owner nothing",
        held="memory and limit of processes of the pod; time-out of the file",
    ),
    "steals": BrokenFile(
        what="the id of another tenant's DAG, with the policies switched off",
        text=dag_file("mobility.trips", before=WITHOUT_POLICIES),
        effect="nothing of the other tenant changes; the tenant's own processor restarts until the file is gone",
        seen="the platform: restarts of that processor, whose log names both tenants and the DAG id",
        held="the database's trigger",
    ),
}
"""As `FILES`, but these may end the DAG processor of their own tenant."""

_NOT_TAKEN: Final = "the file's DAGs are not taken; with the policies switched off, the task fails before it has a pod"
_BOTH: Final = "the owner: import error of that file, or the task's log"
_TWO_LAYERS: Final = "cluster policy; hook of the scheduler and executor behind it"
_OVERRIDE: Final = "executor_config.pod_override"


def _override(what: str, spec: str, metadata: str = "") -> BadRequest:
    """A pod of the author's own making, which the executor of Airflow would take as it is."""
    meta = f"metadata=k8s.V1ObjectMeta({metadata}), " if metadata else ""
    return BadRequest(
        what=what,
        argument=f"executor_config={{'pod_override': k8s.V1Pod({meta}spec=k8s.V1PodSpec({spec}))}}",
        effect=_NOT_TAKEN,
        seen=_BOTH,
        held=_TWO_LAYERS,
        says=(_OVERRIDE, "only 'ariel': the platform makes the pod"),
    )


_BASE: Final = "containers=[k8s.V1Container(name='base'{fields})]"

REQUESTS: Final[Mapping[str, BadRequest]] = {
    "text": BadRequest(
        what="`executor_config` is a text",
        argument="executor_config='large'",
        effect=_NOT_TAKEN,
        seen=_BOTH,
        held=_TWO_LAYERS,
        says=("executor_config: 'large'", "a dictionary"),
    ),
    "list": BadRequest(
        what="`executor_config` is a list",
        argument="executor_config=['large']",
        effect=_NOT_TAKEN,
        seen=_BOTH,
        held=_TWO_LAYERS,
        says=("executor_config: a value of type list", "a dictionary"),
    ),
    "override_text": BadRequest(
        what="`pod_override` is a text",
        argument="executor_config={'pod_override': 'large'}",
        effect=_NOT_TAKEN,
        seen=_BOTH,
        held=_TWO_LAYERS,
        says=(_OVERRIDE, "only 'ariel': the platform makes the pod"),
    ),
    "namespace": _override(
        "`pod_override` with another tenant's namespace",
        _BASE.format(fields=""),
        "namespace='tasks-mobility', labels={'ariel.dev/tenant': 'mobility'}",
    ),
    "account": _override(
        "`pod_override` with an account of the platform",
        f"service_account_name='airflow-scheduler', {_BASE.format(fields='')}",
    ),
    "host_path": _override(
        "`pod_override` with a folder of the host",
        "volumes=[k8s.V1Volume(name='host', host_path=k8s.V1HostPathVolumeSource(path='/'))], "
        + _BASE.format(fields=""),
    ),
    "privileged": _override(
        "`pod_override` with a privileged container",
        _BASE.format(fields=", security_context=k8s.V1SecurityContext(privileged=True)"),
    ),
    "override_image": _override(
        "`pod_override` with a foreign image", _BASE.format(fields=", image='docker.io/library/busybox:1'")
    ),
    "template": BadRequest(
        what="`pod_template_file` that names a program",
        argument="executor_config={'pod_template_file': '/usr/bin/env'}",
        effect=f"{_NOT_TAKEN}; the file is never opened",
        seen=_BOTH,
        held=_TWO_LAYERS,
        says=("executor_config.pod_template_file: '/usr/bin/env'",),
    ),
    "identity": BadRequest(
        what="the identity of a group that the tenant has not",
        argument="executor_config={'ariel': {'identity': 'counts'}}",
        effect="the task fails before it has a pod",
        seen="the owner: the task's log",
        held="executor, by the tenant's registry entry",
        says=("executor_config.ariel.identity: 'counts'", "tenants.weather.identities"),
        parsed=True,
    ),
    "image": BadRequest(
        what="an image that is not among the tenant's",
        argument="executor_config={'ariel': {'image': 'docker.io/library/busybox:1'}}",
        effect="the task fails before it has a pod",
        seen="the owner: the task's log",
        held="executor, by the tenant's registry entry; admission behind it",
        says=("executor_config.ariel.image: 'docker.io/library/busybox:1'", "tenants.weather.allowedImages"),
        parsed=True,
    ),
}
"""Task id -> what the task asks for."""

EXECUTOR: Final = BadRequest(
    what='`executor="KubernetesExecutor"`, the one without tenants',
    argument="executor='KubernetesExecutor'",
    effect="the file's DAGs are not taken; with the check switched off, the task runs as any other of the tenant",
    seen=_IMPORT_ERROR,
    held="Airflow's list of executors; hook of the scheduler behind it",
    says=("specifies executor 'KubernetesExecutor'", "not available"),
)


def files(mistakes: Mapping[str, BrokenFile]) -> dict[str, str]:
    """Path in the tenant's repository -> text."""
    return {
        f"dags/{path}": text
        for name, mistake in mistakes.items()
        for path, text in {f"{name}.py": mistake.text, **mistake.beside}.items()
    }


def request_file(dag_id: str, requests: Mapping[str, BadRequest], before: str = "") -> str:
    """A DAG with one task per request, none of which waits for another."""
    tasks = "\n".join(
        f'    BashOperator(task_id="{name}", bash_command="true", {request.argument})'
        for name, request in requests.items()
    )
    return (
        "from airflow.providers.standard.operators.bash import BashOperator\n"
        "from airflow.sdk import DAG\n"
        f'from kubernetes.client import models as k8s\n{before}\nwith DAG("{dag_id}"):\n{tasks}\n'
    )


def _rows(mistakes: Iterable[Mistake]) -> Iterator[str]:
    for each in mistakes:
        yield f"| {each.what} | {each.effect} | {each.seen} | {each.held} |"


def document() -> str:
    """What `docs/mistakes.md` holds."""
    return "\n".join(
        [
            "# Mistakes in DAG files, and what becomes of them",
            "",
            f"<!-- Generated by `{COMMAND}`. -->",
            "",
            "The other tenants' files are parsed as before, and the tenant's own DAG processor is as before once the",
            "file is gone. The cluster tier shows it on a running platform, with each file and each request of a task.",
            "",
            "## Files",
            "",
            "| mistake | effect | who sees it | what held |",
            "|---|---|---|---|",
            *_rows([*FILES.values(), *FATAL.values()]),
            "",
            "## What a task asks for",
            "",
            "| mistake | effect | who sees it | what held |",
            "|---|---|---|---|",
            *_rows([*REQUESTS.values(), EXECUTOR]),
            "",
        ]
    )


if __name__ == "__main__":
    DOCUMENT.write_text(document())
