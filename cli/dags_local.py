"""`ariel dags run`, `dry-run`, `list`, `show`: a repository's DAGs in one process on this laptop."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from cli import console, laptop
from cli.dags import dags_app
from cli.options import AsJson
from cli.repository import TenantRepository, repository_at
from stacks.errors import Problem, UsageError

Dag = Annotated[str, typer.Argument(metavar="DAG", help="Id of the DAG; the tenant's prefix may be left out.")]
Conf = Annotated[str, typer.Option(help="Configuration of the run, a JSON object.")]


@dags_app.command("run")
def run_dag(dag: Dag, conf: Conf = "{}") -> None:
    """Run a DAG once, task after task in one process, with this laptop's secrets. Exits with 1 where it fails."""
    repository = repository_at(Path.cwd())
    raise typer.Exit(one_process(repository, laptop.module("run", full_id(repository.tenant, dag), _conf(conf))))


@dags_app.command("dry-run")
def dry_run(dag: Dag, conf: Conf = "{}", as_json: AsJson = False) -> None:
    """Show what each task would be given: its template fields, rendered. Runs none."""
    repository = repository_at(Path.cwd())
    found = laptop.asked(repository, "render", full_id(repository.tenant, dag), _conf(conf))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for task in found["tasks"]:
        tree = Tree(Text.assemble((task["id"], "bold"), f"  {task['operator']}"))
        for field in task["fields"]:
            tree.add(Text.assemble(f"{field['name']}: ", (field["fault"], "red") if field["fault"] else field["value"]))
        console.out.print(tree)


@dags_app.command("list")
def list_dags(as_json: AsJson = False) -> None:
    """Show the DAGs of the repository, and the files that are broken. Exits with 1 where one is."""
    found = laptop.asked(repository_at(Path.cwd()), "graph")
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        rows = [(each["dag_id"], each["schedule"], str(len(each["tasks"])), each["file"]) for each in found["dags"]]
        console.out.print(console.table("DAGs of this repository", ("dag", "schedule", "tasks", "file"), rows))
        for each in found["broken"]:
            console.err.print(Text.assemble(("broken ", "bold red"), f"{each['file']}\n{each['text']}"))
    if found["broken"]:
        raise typer.Exit(1)


@dags_app.command("show")
def show(
    dag: Dag,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As Mermaid, which GitHub and GitLab draw.")] = False,
) -> None:
    """Draw which task follows which."""
    repository = repository_at(Path.cwd())
    found = laptop.asked(repository, "graph")
    wanted = full_id(repository.tenant, dag)
    graph = next((each for each in found["dags"] if each["dag_id"] == wanted), None)
    if graph is None:
        known = ", ".join(each["dag_id"] for each in found["dags"]) or "a DAG of the repository, and there is none"
        raise _wrong("DAG", wanted, f"one of {known}", "see `ariel dags list`")
    if mermaid:
        print(mermaid_of(graph["tasks"]))
    else:
        console.out.print(tree_of(wanted, graph["tasks"]))


def tree_of(name: str, tasks: list[dict[str, Any]]) -> Tree:
    """Below each task those that follow it; one that follows several is spelled out below the first."""
    by_id = {task["id"]: task for task in tasks}
    followers = {follower for task in tasks for follower in task["downstream"]}
    drawn: set[str] = set()

    def draw(above: Tree, task_id: str) -> None:
        again = task_id in drawn and by_id[task_id]["downstream"]
        label = Text.assemble((task_id, "bold"), f"  {by_id[task_id]['operator']}", "  (see above)" if again else "")
        branch = above.add(label)
        if not again:
            drawn.add(task_id)
            for follower in by_id[task_id]["downstream"]:
                draw(branch, follower)

    root = Tree(Text(name))
    for task in tasks:
        if task["id"] not in followers:
            draw(root, task["id"])
    return root


def mermaid_of(tasks: list[dict[str, Any]]) -> str:
    """Numbers name the nodes, since ids of tasks hold dots."""
    number = {task["id"]: f"t{place}" for place, task in enumerate(tasks)}
    nodes = [f'  {number[task["id"]]}["{task["id"]}<br/>{task["operator"]}"]' for task in tasks]
    edges = [f"  {number[task['id']]} --> {number[to]}" for task in tasks for to in task["downstream"]]
    return "\n".join(["graph LR", *nodes, *edges])


def one_process(repository: TenantRepository, command: list[str], given: str | None = None) -> int:
    """Status of the command, which speaks to the person itself; `given` is its standard input."""
    environment = laptop.environment(repository, laptop.one_process_database(repository))
    return subprocess.run(command, env=environment, cwd=repository.root, input=given, text=True, check=False).returncode


def full_id(tenant: str, dag: str) -> str:
    prefix = f"{tenant}."
    return dag if dag.startswith(prefix) else f"{prefix}{dag}"


def _conf(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _wrong("--conf", text, "a JSON object", """write such as --conf '{"day": "2026-11-21"}'""")
    return text


def _wrong(path: str, value: str, rule: str, action: str) -> UsageError:
    return UsageError([Problem(path=path, value=value, rule=rule, action=action)])
