"""The servicer of the random package. Delete and refresh touch nothing: a value exists in the state only.

Not modelled: `bcryptHash` of RandomPassword stays null (no bcrypt among the dependencies), RandomInteger, RandomPet,
RandomShuffle and the versioned UUIDs are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.empty_pb2 import Empty

from sandbox.plugins.differences import compare, diff_response
from sandbox.plugins.failures import PluginError
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.provider import Plugin
from sandbox.plugins.random.kinds import Kind, adopt, kind_of
from sandbox.plugins.values import Secret, Unknown, contains_unknown, decode, encode, rewrap, unwrap


class RandomPlugin(Plugin):
    """Makes random values; see `kinds.py` for the types."""

    version = "4.21.4"

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Required counts and, for texts, whether the rules can be met."""
        kind = kind_of(_token(request))
        inputs = decode(request.news)
        failures = [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in _problems(kind, inputs)]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Every change makes a new value. Unset and explicit defaults are the same."""
        kind = kind_of(_token(request))
        old, new = (kind.effective(decode(side)) for side in (request.old_inputs, request.news))
        return diff_response(compare(old, new), replaces=lambda _: True)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Draw the value; a preview leaves the outputs out, so that they are unknown downstream."""
        kind = kind_of(_token(request))
        inputs = decode(request.properties)
        effective = rewrap(kind.effective(inputs), inputs)
        if request.preview or contains_unknown(inputs):
            return provider_pb2.CreateResponse(properties=encode(effective))
        resource_id, outputs = kind.make(unwrap(effective))
        return provider_pb2.CreateResponse(id=resource_id, properties=encode(effective | _hidden(kind, outputs)))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A refresh returns the state; an import (no state) takes the value from the id."""
        if request.properties.fields:
            return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)
        kind = kind_of(_token(request))
        resource_id, inputs, outputs = adopt(kind, request.id)
        properties = kind.effective(inputs) | _hidden(kind, outputs)
        return provider_pb2.ReadResponse(id=resource_id, properties=encode(properties), inputs=encode(inputs))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Unreachable: every change replaces."""
        raise PluginError(f"{request.urn}: a random value cannot be updated, only replaced")

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Nothing exists outside the state."""
        return Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The package has no functions."""
        raise PluginError(f"{request.tok}: the random package has no functions")


def _token(request: Any) -> str:
    """The type: urn:pulumi:stack::project::parent$type::name."""
    return request.type or request.urn.split("::")[2].rpartition("$")[2]


def _problems(kind: Kind, inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    effective = unwrap(kind.effective(inputs))
    if not kind.size or isinstance(effective.get(kind.size), Unknown):
        return []
    size = effective.get(kind.size)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        return [(kind.size, f"{size!r} is not a count: a whole number of at least 1 is required; set it")]
    if contains_unknown({key: value for key, value in effective.items() if key != "keepers"}):
        return []
    found = kind.problem(effective)
    return [found] if found else []


def _hidden(kind: Kind, outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Secret(value) if name in kind.secrets else value for name, value in outputs.items()}
