"""The table of the README in this folder, made from the rules. `python -m ariel_runtime.database.summary` renews it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ariel_runtime.database.access import TABLES, Kind, Right

README: Final = Path(__file__).with_name("README.md")
BEGIN: Final = "<!-- made by python -m ariel_runtime.database.summary -->"
END: Final = "<!-- end -->"


def table() -> str:
    """One line per table: which rows, and what processor and triggerer may do with them."""
    lines = ["| table | rows | DAG processor | triggerer |", "|---|---|---|---|"]
    for entry in sorted(TABLES, key=lambda entry: entry.name):
        rights = [", ".join(map(_text, entry.rights(kind))) or "-" for kind in Kind]
        lines.append(f"| `{entry.name}` | {entry.rows.text if entry.rows else 'all'} | {rights[0]} | {rights[1]} |")
    return "\n".join(lines)


def renewed(text: str) -> str:
    """The README with the table as it is now."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def _text(right: Right) -> str:
    columns = ", ".join(f"`{column}`" for column in right.columns)
    return f"{right.privilege.lower()} ({columns})" if columns else right.privilege.lower()


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
