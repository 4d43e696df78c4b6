"""Rules of region and tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stacks.errors import Problem
from stacks.regions import REGIONS
from stacks.rules.rule import Rule
from stacks.settings import Settings
from stacks.wording import nearest, shown

OWN_TAGS: Final = frozenset({"class", "contact", "environment", "managed-by", "owner", "tenant"})
"""Tags that the platform sets itself, and by which cost and ownership are told."""

MOST_TAGS: Final = 50 - len(OWN_TAGS)
_TAG = re.compile(r"^[^<>%&\\?/]{1,128}$")
LONGEST_TAG_VALUE: Final = 256
"""Azure, "Use tags to organize your Azure resources", limitations; names of 128 for storage accounts."""


def region_is_known(settings: Settings) -> Iterator[Problem]:
    location = settings.azure.location
    if location not in REGIONS:
        guess = nearest(location, sorted(REGIONS))
        yield Problem(
            path="azure.location",
            value=location,
            rule="a public region of Azure (`az account list-locations`)",
            action=f"did you mean `{guess}`?" if guess else "choose one",
        )


def tags_are_the_files_own(settings: Settings) -> Iterator[Problem]:
    for name in settings.tags:
        if name.lower() in OWN_TAGS:
            yield Problem(
                path=f"tags.{name}",
                value=shown(settings.tags[name]),
                rule=f"none of the platform's own tags: {', '.join(sorted(OWN_TAGS))}",
                action="choose another name",
            )


def tags_are_taken_by_azure(settings: Settings) -> Iterator[Problem]:
    for name, value in settings.tags.items():
        if _TAG.match(name) is None or len(value) > LONGEST_TAG_VALUE:
            yield Problem(
                path=f"tags.{name}",
                value=shown(value),
                rule=f"a name of at most 128 characters without < > % & \\ ? /, and a value of at most "
                f"{LONGEST_TAG_VALUE}",
                action="shorten it, or leave these characters away",
            )
    if len(settings.tags) > MOST_TAGS:
        yield Problem(
            path="tags",
            value=shown(settings.tags),
            rule=f"at most {MOST_TAGS}; a resource has 50, {len(OWN_TAGS)} of them the platform's",
            action="remove some",
        )


RULES: Final = (
    Rule(region_is_known, reads=("azure.location",)),
    Rule(tags_are_the_files_own, reads=("tags",)),
    Rule(tags_are_taken_by_azure, reads=("tags",)),
)
