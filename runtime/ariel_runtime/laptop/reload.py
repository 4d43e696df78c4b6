"""`python -m ariel_runtime.laptop.reload`: asks the DAG processor of this database to parse every file now."""

from __future__ import annotations

from pathlib import Path

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.utils.file import list_py_file_paths
from airflow.utils.session import create_session


def main() -> None:
    (bundle,) = DagBundlesManager().get_all_dag_bundles()
    with create_session() as session:
        for file in list_py_file_paths(bundle.path):
            name = str(Path(file).relative_to(bundle.path))
            session.merge(DagPriorityParsingRequest(bundle_name=bundle.name, relative_fileloc=name))


if __name__ == "__main__":
    main()
