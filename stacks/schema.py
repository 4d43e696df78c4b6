"""The JSON schema of a whole `Pulumi.<stack>.yaml`, for editors and for advice; made from the models.

`python -m stacks.schema` writes `stacks/schema.json` and `docs/settings.md` anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from stacks.reference import REFERENCE_FILE, reference_text
from stacks.shape import settings_schema
from stacks.stack_file import PREFIX

SCHEMA_FILE: Final = Path(__file__).with_name("schema.json")
DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""What editors' YAML servers understand best; nothing newer is used."""


def file_schema() -> dict[str, Any]:
    """Schema of the whole file: our settings under `config:`; what is Pulumi's own is left to Pulumi."""
    settings = settings_schema()
    known = [f"{PREFIX}{key}" for key in settings["properties"]]
    return {
        "$schema": DIALECT,
        "title": "Stack file of ariel",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "description": "Settings of the stack. Meaning and defaults: docs/settings.md.",
                "properties": {f"{PREFIX}{key}": value for key, value in settings["properties"].items()},
                "required": [f"{PREFIX}{key}" for key in settings["required"]],
                "propertyNames": {"anyOf": [{"enum": known}, {"not": {"pattern": f"^{PREFIX}"}}]},
            }
        },
    }


def schema_text() -> str:
    """What `stacks/schema.json` holds."""
    return json.dumps(file_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write both generated files."""
    for path, text in ((SCHEMA_FILE, schema_text()), (REFERENCE_FILE, reference_text())):
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    main()
