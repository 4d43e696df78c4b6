"""The random plug-in, called in-process: values are made once, are legal, and are hidden where the real ones are."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sandbox.plugins.failures import PluginError
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.random.plugin import RandomPlugin
from sandbox.plugins.values import UNKNOWN, Secret, decode, encode

PASSWORD = "random:index/randomPassword:RandomPassword"  # noqa: S105 - a type token
STRING = "random:index/randomString:RandomString"
BYTES = "random:index/randomBytes:RandomBytes"
UUID = "random:index/randomUuid:RandomUuid"
ID = "random:index/randomId:RandomId"
ALL = {PASSWORD: {"length": 12}, STRING: {"length": 12}, BYTES: {"length": 16}, UUID: {}, ID: {"byteLength": 4}}
plugin = RandomPlugin()


def urn(token: str) -> str:
    return f"urn:pulumi:s::p::ariel:x:Y${token}::value"


def create(token: str, inputs: dict[str, Any], preview: bool = False) -> tuple[str, dict[str, Any]]:
    request = provider_pb2.CreateRequest(urn=urn(token), properties=encode(inputs), preview=preview)
    response = plugin.Create(request, None)
    return response.id, decode(response.properties)


def check(token: str, inputs: dict[str, Any]) -> list[str]:
    response = plugin.Check(provider_pb2.CheckRequest(urn=urn(token), news=encode(inputs)), None)
    return [failure.property for failure in response.failures]


def diff(token: str, old: dict[str, Any], new: dict[str, Any]) -> Any:
    request = provider_pb2.DiffRequest(urn=urn(token), old_inputs=encode(old), news=encode(new))
    return plugin.Diff(request, None)


def read(token: str, resource_id: str) -> Any:
    return plugin.Read(provider_pb2.ReadRequest(urn=urn(token), id=resource_id), None)


def test_a_password_keeps_every_minimum_and_never_leaves_the_allowed_characters() -> None:
    rules = {"length": 8, "minUpper": 2, "minLower": 1, "minNumeric": 3, "minSpecial": 2, "overrideSpecial": "~"}
    for _ in range(50):
        text = create(PASSWORD, rules)[1]["result"].value
        assert len(text) == 8
        assert text.count("~") >= 2
        assert sum(c.isupper() for c in text) >= 2
        assert sum(c.isdigit() for c in text) >= 3
        assert all(c.isalnum() or c == "~" for c in text)


def test_a_switched_off_class_does_not_appear() -> None:
    only_digits = {"length": 60, "upper": False, "lower": False, "special": False}
    assert create(STRING, only_digits)[1]["result"].isdigit()


def test_the_deprecated_number_switches_digits_off_too() -> None:
    assert not any(c.isdigit() for c in create(STRING, {"length": 200, "number": False})[1]["result"])


@pytest.mark.parametrize(("token", "names"), [(PASSWORD, ["result"]), (BYTES, ["base64", "hex"])])
def test_a_secret_value_is_never_written_in_plain_text(token: str, names: list[str]) -> None:
    outputs = create(token, ALL[token])[1]
    assert all(isinstance(outputs[name], Secret) for name in names)


def test_a_password_does_not_leak_through_its_id() -> None:
    assert create(PASSWORD, {"length": 20})[0] == "none"
    assert create(BYTES, {"length": 20})[0] == "none"


def test_the_forms_of_bytes_are_one_value() -> None:
    outputs = create(BYTES, {"length": 32})[1]
    assert base64.b64decode(outputs["base64"].value).hex() == outputs["hex"].value
    assert len(outputs["hex"].value) == 64


def test_an_id_puts_its_prefix_before_every_form_but_not_into_the_resource_id() -> None:
    resource_id, outputs = create(ID, {"byteLength": 5, "prefix": "dev-"})
    assert outputs["b64Url"] == f"dev-{resource_id}"
    assert int(outputs["dec"].removeprefix("dev-")) == int(outputs["hex"].removeprefix("dev-"), 16)


@pytest.mark.parametrize("token", ALL)
def test_a_preview_does_not_promise_a_value(token: str) -> None:
    resource_id, outputs = create(token, ALL[token], preview=True)
    assert resource_id == ""
    assert {"result", "base64", "hex", "b64Url"}.isdisjoint(outputs)


def test_two_passwords_are_never_the_same() -> None:
    assert create(PASSWORD, {"length": 20})[1]["result"].value != create(PASSWORD, {"length": 20})[1]["result"].value


@pytest.mark.parametrize("token", ALL)
def test_a_changed_keeper_makes_a_new_value(token: str) -> None:
    old = ALL[token] | {"keepers": {"turn": "1"}}
    assert not diff(token, old, old).diffs
    response = diff(token, old, ALL[token] | {"keepers": {"turn": "2"}})
    assert list(response.replaces) == ["keepers.turn"]


def test_writing_a_default_out_does_not_make_a_new_value() -> None:
    explicit = {"length": 12, "special": True, "minUpper": 0, "numeric": True}
    assert not diff(PASSWORD, {"length": 12}, explicit).diffs
    assert "length" in diff(PASSWORD, {"length": 12}, {"length": 13}).replaces


def test_a_refresh_keeps_the_value() -> None:
    properties = encode({"result": Secret("kept"), "length": 4})
    request = provider_pb2.ReadRequest(
        urn=urn(PASSWORD), id="none", properties=properties, inputs=encode({"length": 4})
    )
    assert plugin.Read(request, None).properties == properties


def test_an_imported_password_is_hidden_and_does_not_stay_in_the_id() -> None:
    response = read(PASSWORD, "correct horse")
    assert response.id == "none"
    assert decode(response.properties)["result"] == Secret("correct horse")
    assert decode(response.inputs) == {"length": 13}


def test_an_import_of_bytes_and_ids_gives_the_value_back() -> None:
    assert decode(read(BYTES, base64.b64encode(b"abc").decode()).properties)["hex"] == Secret("616263")
    resource_id, outputs = create(ID, {"byteLength": 6, "prefix": "p,"})
    assert decode(read(ID, f"p,,{resource_id}").properties)["hex"] == outputs["hex"]


def test_a_failed_import_does_not_print_the_value() -> None:
    with pytest.raises(PluginError) as caught:
        read(BYTES, "not base64: hunter2")
    assert "hunter2" not in str(caught.value)


def test_impossible_rules_are_refused_before_anything_is_made() -> None:
    assert check(PASSWORD, {"length": 0}) == ["length"]
    assert check(PASSWORD, {}) == ["length"]
    assert check(PASSWORD, {"length": 3, "minUpper": 4}) == ["length"]
    off = {"upper": False, "lower": False, "numeric": False, "special": False}
    assert check(PASSWORD, {"length": 3} | off) == ["special"]
    assert check(PASSWORD, {"length": UNKNOWN}) == []
    assert check(PASSWORD, {"length": 3}) == []


def test_a_type_that_is_not_modelled_is_refused_by_name() -> None:
    with pytest.raises(PluginError, match=r"RandomPet.*RandomBytes"):
        create("random:index/randomPet:RandomPet", {})
