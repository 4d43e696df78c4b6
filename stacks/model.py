"""The base of every settings model: frozen, unknown keys refused, camelCase in the file and snake_case in Python.

Models say what one value may be. Whatever concerns two settings at once is a rule (`stacks.rules`).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

GUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
CPU_PATTERN = r"^([0-9]+m|[0-9]+(\.[0-9]{1,3})?)$"
MEMORY_PATTERN = r"^[1-9][0-9]*(Mi|Gi|Ti)$"
CIDR_PATTERN = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$"
ADDRESS_PATTERN = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$"
HOST_PATTERN = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$"
EMAIL_PATTERN = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
SLUG_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"


class Model(BaseModel):
    """A block of a stack file."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=False, use_attribute_docstrings=True
    )


def _network(text: str) -> str:
    """Refuse what only looks like a range: 10.0.0.300/24, or 10.0.0.1/24, which has bits set behind the prefix."""
    try:
        IPv4Network(text)
    except ValueError as reason:
        raise PydanticCustomError("not_a_range", "{reason}", {"reason": str(reason)}) from None
    return text


def _address(text: str) -> str:
    try:
        IPv4Address(text)
    except ValueError as reason:
        raise PydanticCustomError("not_an_address", "{reason}", {"reason": str(reason)}) from None
    return text


Guid = Annotated[str, StringConstraints(pattern=GUID_PATTERN)]
Cpu = Annotated[str, StringConstraints(pattern=CPU_PATTERN)]
"""Kubernetes CPU quantity: cores (`2`, `0.5`) or thousandths (`500m`)."""
Memory = Annotated[str, StringConstraints(pattern=MEMORY_PATTERN)]
"""Kubernetes memory quantity in binary units (`512Mi`, `2Gi`)."""
Cidr = Annotated[str, StringConstraints(pattern=CIDR_PATTERN), AfterValidator(_network)]
IpAddress = Annotated[str, StringConstraints(pattern=ADDRESS_PATTERN), AfterValidator(_address)]
HostName = Annotated[str, StringConstraints(pattern=HOST_PATTERN, max_length=253)]
Email = Annotated[str, StringConstraints(pattern=EMAIL_PATTERN)]


class Resources(Model):
    """What a container is given; requests and limits of memory are equal, so that it is never evicted for it."""

    cpu: Cpu
    """Cores (`"2"`, `"0.5"`) or thousandths (`500m`)."""
    memory: Memory
    """In binary units (`512Mi`, `2Gi`)."""
