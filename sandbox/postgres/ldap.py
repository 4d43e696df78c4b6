"""The part of LDAP that a sign-in by simple bind needs (RFC 4511), in BER: one request, one answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SUCCESS: Final = 0
INVALID_CREDENTIALS: Final = 49

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_OCTETS: Final = 0x04
_ENUMERATED: Final = 0x0A
_BIND_REQUEST: Final = 0x60
_BIND_RESPONSE: Final = 0x61
_SIMPLE: Final = 0x80


class NotABindError(ValueError):
    """The message is no simple bind: an unbind, another operation, or no LDAP."""


@dataclass(frozen=True)
class Bind:
    """A simple bind: who, and by what; `number` is the message's, which the answer repeats."""

    number: int
    name: str
    password: str


def missing_bytes(data: bytes) -> int:
    """How many bytes the first message in `data` still lacks, as far as its head says; 0 when it is whole."""
    if len(data) < 2:
        return 2 - len(data)
    head = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    if len(data) < head:
        return head - len(data)
    length = int.from_bytes(data[2:head], "big") if data[1] & 0x80 else data[1]
    return max(0, head + length - len(data))


def read_bind(message: bytes) -> Bind:
    """Raises NotABindError."""
    try:
        number, rest = _element(_element(message, _SEQUENCE)[0], _INTEGER)
        _, rest = _element(_element(rest, _BIND_REQUEST)[0], _INTEGER)
        name, rest = _element(rest, _OCTETS)
        password, _ = _element(rest, _SIMPLE)
        return Bind(int.from_bytes(number, "big"), name.decode(), password.decode())
    except (IndexError, UnicodeDecodeError) as error:
        raise NotABindError("no simple bind") from error


def bind_answer(number: int, code: int, diagnostic: str) -> bytes:
    """`diagnostic` is what PostgreSQL writes to its log."""
    result = _encoded(_ENUMERATED, bytes([code])) + _encoded(_OCTETS, b"") + _encoded(_OCTETS, diagnostic.encode())
    head = _encoded(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))
    return _encoded(_SEQUENCE, head + _encoded(_BIND_RESPONSE, result))


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Content of the first element, which must have that tag, and what follows it."""
    if data[0] != tag:
        raise NotABindError(f"tag {data[0]:#x} where {tag:#x} is expected")
    head = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    length = int.from_bytes(data[2:head], "big") if data[1] & 0x80 else data[1]
    if len(data) < head + length:
        raise NotABindError("cut short")
    return data[head : head + length], data[head + length :]


def _encoded(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
