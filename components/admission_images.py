"""The images that a tenant's task pods may run: the ConfigMap beside them, which the admission policy reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pulumi

CONFIG_MAP: Final = "allowed-images"
LABELS: Final = {"ariel.dev/admission": "images"}


def document(registry: pulumi.Input[str], allowed: Sequence[str]) -> pulumi.Output[str]:
    """One pattern a line, the platform's first: an image; one without tag, for all its tags; or `<prefix>/*`."""
    return pulumi.Output.concat(registry, "/*\n", "\n".join(sorted(allowed)))
