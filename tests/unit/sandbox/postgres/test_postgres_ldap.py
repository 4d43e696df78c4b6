"""The bind that PostgreSQL sends is read whole, whatever its length, and nothing else passes for one."""

from __future__ import annotations

import pytest

from sandbox.postgres.ldap import INVALID_CREDENTIALS, NotABindError, bind_answer, missing_bytes, read_bind

UNBIND = bytes.fromhex("30050201024200")


def sized(tag: int, content: bytes) -> bytes:
    """BER with a length of four bytes, as OpenLDAP may write it for any size."""
    return bytes([tag, 0x84]) + len(content).to_bytes(4, "big") + content


def bind(name: str, password: str, number: int = 1) -> bytes:
    request = sized(0x02, b"\x03") + sized(0x04, name.encode()) + sized(0x80, password.encode())
    return sized(0x30, sized(0x02, bytes([number])) + sized(0x60, request))


@pytest.mark.parametrize("length", [1, 127, 128, 2047, 60_000])
def test_a_token_of_any_length_arrives_whole(length: int) -> None:
    found = read_bind(bind("psql/ariel", "t" * length, number=7))
    assert (found.number, found.name, found.password) == (7, "psql/ariel", "t" * length)


def test_a_role_name_arrives_as_it_is() -> None:
    name = 'psql/ariel admin,cn=*)(uid="ü"'
    assert read_bind(bind(name, "t")).name == name


@pytest.mark.parametrize("length", [1, 200, 70_000])
def test_the_head_tells_how_much_is_missing(length: int) -> None:
    message = bind("psql/ariel", "t" * length)
    data = message[:1]
    while missing := missing_bytes(data):
        assert len(data) + missing <= len(message)
        data += message[len(data) : len(data) + missing]
    assert data == message


def test_a_short_bind_of_openldap_is_read() -> None:
    assert read_bind(bytes.fromhex("300c020101600702010304008000")).password == ""


@pytest.mark.parametrize(
    "message",
    [
        UNBIND,
        b"GET / HTTP/1.1",
        bind("psql/ariel", "t")[:-1],
        b"0",
        b"0\x00",
        bind("psql/ariel", "t").replace(b"\x80\x84", b"\xa3\x84"),
    ],
    ids=["unbind", "http", "cut short", "one byte", "empty", "SASL"],
)
def test_what_is_no_simple_bind_is_refused(message: bytes) -> None:
    with pytest.raises(NotABindError):
        read_bind(message)


def test_a_refusal_repeats_the_number_and_says_why() -> None:
    reason = "Signature has expired" * 20
    answer = bind_answer(200, INVALID_CREDENTIALS, reason)
    assert missing_bytes(answer) == 0
    assert bytes([0x02, 0x02, 0x00, 200]) in answer
    assert bytes([0x0A, 0x01, 49]) in answer
    assert reason.encode() in answer
