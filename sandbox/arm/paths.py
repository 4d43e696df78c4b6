"""ARM resource ids: what the segments of a path mean."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.arm.errors import ArmError

SUBSCRIPTION = "Microsoft.Resources/subscriptions"
RESOURCE_GROUP = "Microsoft.Resources/resourceGroups"
TENANT = "Microsoft.Resources/tenants"
GUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")


@dataclass(frozen=True)
class ResourceId:
    """One resource.

    `text` is the id as written, without a trailing slash. `parent` is the resource above it: the subscription of a
    resource group, the group of a top-level resource, the owner of a child, the scope of an extension resource.
    `extension` is true when the parent is reached through a second `providers` segment or is not a group.
    """

    text: str
    type: str
    name: str
    parent: ResourceId | None
    extension: bool = False

    @property
    def key(self) -> str:
        """Ids are compared without regard to case."""
        return self.text.lower()

    @property
    def subscription(self) -> str:
        for node in self.lineage():
            if node.type == SUBSCRIPTION:
                return node.name
        return ""

    @property
    def group(self) -> str:
        """Name of the resource group, or an empty string for what stands above groups."""
        for node in self.lineage():
            if node.type == RESOURCE_GROUP:
                return node.name
        return ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of this provider path, outermost first: ("vnet", "subnet")."""
        outer = self.parent
        same_provider = outer is not None and self.type.lower().startswith(outer.type.lower() + "/")
        return (*outer.names, self.name) if outer is not None and same_provider else (self.name,)

    def lineage(self) -> list[ResourceId]:
        """This resource and everything above it, innermost first."""
        found: list[ResourceId] = []
        node: ResourceId | None = self
        while node is not None:
            found.append(node)
            node = node.parent
        return found

    def child(self, segment: str, name: str) -> ResourceId:
        return ResourceId(f"{self.text}/{segment}/{name}", f"{self.type}/{segment}", name, self)


def parse(text: str) -> ResourceId:
    """The id in `text`. Raises ArmError 400 LinkedInvalidPropertyId, as ARM does for an id that it cannot read."""
    segments = text.strip("/").split("/") if text.strip("/") else []
    if "" in segments:
        raise _unreadable(text)
    providers = [i for i, segment in enumerate(segments) if segment.lower() == "providers"]
    if not providers:
        return _outside_providers(text, segments)
    last = providers[-1]
    pairs = segments[last + 2 :]
    if len(pairs) < 2 or len(pairs) % 2:
        raise _unreadable(text)
    scope = parse("/" + "/".join(segments[:last]))
    kind = "/".join([segments[last + 1], *pairs[0::2]])
    parent = parse("/" + "/".join(segments[:-2])) if len(pairs) > 2 else scope
    extension = len(pairs) == 2 and scope.type != RESOURCE_GROUP
    return ResourceId("/" + "/".join(segments), kind, pairs[-1], parent, extension)


def _outside_providers(text: str, segments: list[str]) -> ResourceId:
    match [segment.lower() for segment in segments[0::2]]:
        case []:
            return ResourceId("", TENANT, "", None)
        case ["subscriptions"] if len(segments) == 2:
            return ResourceId(f"/subscriptions/{segments[1]}", SUBSCRIPTION, segments[1], None)
        case ["subscriptions", "resourcegroups"] if len(segments) == 4:
            above = _outside_providers(text, segments[:2])
            return ResourceId(f"{above.text}/resourceGroups/{segments[3]}", RESOURCE_GROUP, segments[3], above)
        case _:
            raise _unreadable(text)


def _unreadable(text: str) -> ArmError:
    return ArmError(
        400,
        "LinkedInvalidPropertyId",
        f"Property id '{text}' is invalid. Expect fully qualified resource Id that start with "
        "'/subscriptions/{subscriptionId}' or '/providers/{resourceProviderNamespace}/'.",
    )
