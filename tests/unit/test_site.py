"""The documentation as a site, and the examples in it."""

from __future__ import annotations

import ast
import json
import re
import runpy
from pathlib import Path
from typing import Final

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = {
    f"{page.stem}-{number}": text
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for number, text in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S))
}
DAG_FILES: Final = {name: text for name, text in EXAMPLES.items() if re.search(r"(\bDAG|_dag)\(", text)}
"""The examples that are a whole file of one DAG."""


def test_every_page_is_in_the_site_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path)))
    assert (tmp_path / "authors" / "services" / "index.html").is_file()


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_an_example_imports_and_takes_of_that_is_there(name: str, tmp_path: Path) -> None:
    """Otherwise an author who copies it begins with an error."""
    compile(EXAMPLES[name], name, "exec")
    nodes = list(ast.walk(ast.parse(EXAMPLES[name])))
    imports = [ast.unparse(node) for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    (tmp_path / "imports.py").write_text("\n".join(imports), encoding="utf-8")
    known = runpy.run_path(str(tmp_path / "imports.py"))
    taken = [(node.value, node.attr) for node in nodes if isinstance(node, ast.Attribute)]
    of_imports = [(known[of.id], attr) for of, attr in taken if isinstance(of, ast.Name) and of.id in known]
    assert [attr for each, attr in of_imports if not hasattr(each, attr)] == []


def test_every_example_of_a_dag_is_taken_by_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import BundleDagBag

    assert DAG_FILES
    bundles = [{"name": "weather", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    for name, text in DAG_FILES.items():
        (tmp_path / f"{name.replace('-', '_')}.py").write_text(text, encoding="utf-8")
    bag = BundleDagBag(str(tmp_path), bundle_path=tmp_path, bundle_name="weather")
    assert bag.import_errors == {}
    assert len(bag.dags) == len(DAG_FILES)
