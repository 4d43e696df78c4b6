"""The documentation as a site, and the examples in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT: Final = Path(__file__).parents[2]
AUTHORS: Final = ROOT / "docs" / "authors"
DAG_FILES: Final = {
    f"{page.stem}-{number}": text
    for page in sorted(AUTHORS.glob("*.md"))
    for number, text in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S))
    if "airflow" in text
}
"""Name -> each example that is a DAG file."""


def test_every_page_is_in_the_site_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path)))
    assert (tmp_path / "authors" / "services" / "index.html").is_file()


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
