"""The repository of this process, parsed: the one bundle of its configuration, as the DAG processor sees it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag

from ariel_runtime.refusal import Problem

if TYPE_CHECKING:
    from airflow.sdk import DAG


def parsed() -> BundleDagBag:
    """With the platform's policies."""
    (bundle,) = DagBundlesManager().get_all_dag_bundles()
    bundle.initialize()
    return BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)


def relative(bag: BundleDagBag, file: str) -> str:
    return str(Path(file).relative_to(Path(bag.dag_folder))) if Path(file).is_absolute() else file


def one_dag(dag_id: str) -> DAG:
    """Ends the process with the reason on standard error, where there is none of that id."""
    bag = parsed()
    if dag_id in bag.dags:
        return bag.dags[dag_id]
    for file, text in bag.import_errors.items():
        print(f"{relative(bag, file)}:\n{text}", file=sys.stderr)
    known = f"one of {', '.join(sorted(bag.dags))}" if bag.dags else "a DAG of the repository, and none could be parsed"
    sys.exit(str(Problem(path="DAG", value=dag_id, rule=known, action="see `ariel dags list`")))
