"""All types that the emulator knows, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sandbox.arm.errors import ArmError
from sandbox.arm.spec import TypeSpec


class Catalogue:
    """Types are found without regard to case."""

    def __init__(self, specs: Iterable[TypeSpec]) -> None:
        self._specs = {spec.type.lower(): spec for spec in specs}
        self._providers = {kind.split("/")[0] for kind in self._specs}

    def __iter__(self) -> Iterator[TypeSpec]:
        return iter(self._specs.values())

    def get(self, kind: str) -> TypeSpec | None:
        return self._specs.get(kind.lower())

    def of(self, kind: str) -> TypeSpec:
        """Raises ArmError 404 InvalidResourceNamespace or InvalidResourceType for what is not modelled."""
        spec = self.get(kind)
        if spec is not None:
            return spec
        provider, _, rest = kind.partition("/")
        if provider.lower() not in self._providers:
            raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{provider}' is invalid.")
        raise ArmError(
            404,
            "InvalidResourceType",
            f"The resource type '{rest}' could not be found in the namespace '{provider}'. "
            "The sandbox models the types that ariel uses; sandbox/arm/README.md says how to add one.",
        )

    def versioned(self, kind: str, api_version: str | None) -> TypeSpec:
        """The spec, if it serves `api_version`."""
        spec = self.of(kind)
        if not api_version:
            raise ArmError(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        if api_version not in spec.api_versions:
            raise ArmError(
                400,
                "NoRegisteredProviderFound",
                f"No registered resource provider found for API version '{api_version}' for type '{spec.type}'. "
                f"The supported api-versions are '{', '.join(spec.api_versions)}'.",
            )
        return spec
