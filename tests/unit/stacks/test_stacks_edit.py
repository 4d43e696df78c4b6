"""Editing tenants changes the lines of that tenant and nothing else, or nothing at all."""

from __future__ import annotations

import difflib
import os
import shutil
from pathlib import Path

import pytest

from stacks.edit import add_tenant, list_tenants, remove_tenant, skeleton
from stacks.errors import ArielError, SettingsError, UsageError
from stacks.stack_file import read_file
from tests.unit.stacks.samples import GUID, TENANT

ROOT = Path(__file__).parents[3]
NEW = skeleton(owner="lead@contoso.com", group_id=GUID, url="https://github.com/contoso/finance.git")


@pytest.fixture(params=["dev", "prod", "local"])
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a shipped stack file, as Pulumi leaves it behind."""
    path = tmp_path / f"Pulumi.{request.param}.yaml"
    shutil.copy(ROOT / path.name, path)
    path.write_text(f"{path.read_text(encoding='utf-8')}encryptionsalt: v1:x\n", encoding="utf-8")
    return path


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    path = tmp_path / "Pulumi.dev.yaml"
    shutil.copy(ROOT / path.name, path)
    return path


def _changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines taken out, and lines put in."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    taken, put = ([line[2:] for line in lines if line.startswith(sign)] for sign in "-+")
    return taken, put


def _rewritten(path: Path, old: str, new: str) -> str:
    text = path.read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new)
    path.write_bytes(text.encode())
    return text


def test_an_added_tenant_is_the_only_change_of_the_file(shipped: Path) -> None:
    before = shipped.read_text(encoding="utf-8")
    settings = add_tenant(shipped, "finance", NEW)
    taken, put = _changes(before, shipped.read_text(encoding="utf-8"))
    assert taken == []
    assert put[0] == "    finance:"
    assert all(line.startswith("      ") for line in put[1:])
    assert any("# egress:" in line for line in put)
    assert list(settings.tenants) == list(list_tenants(shipped)) == ["weather", "mobility", "finance"]
    assert settings.tenants["finance"].repository.url == "https://github.com/contoso/finance.git"
    # Otherwise the code beside a new team's DAGs is not delivered.
    assert settings.tenants["finance"].repository.path == "."


def test_an_added_tenant_removed_again_leaves_the_file_as_it_was(shipped: Path) -> None:
    before = shipped.read_bytes()
    add_tenant(shipped, "finance", NEW)
    remove_tenant(shipped, "finance")
    assert shipped.read_bytes() == before


@pytest.mark.parametrize(("slug", "other"), [("weather", "mobility"), ("mobility", "weather")])
def test_a_removed_tenant_takes_its_lines_and_nothing_of_its_neighbour(shipped: Path, slug: str, other: str) -> None:
    before, kept = shipped.read_text(encoding="utf-8"), read_file(shipped)["tenants"][other]
    settings = remove_tenant(shipped, slug)
    taken, put = _changes(before, shipped.read_text(encoding="utf-8"))
    assert put == []
    assert taken[0] == f"    {slug}:"
    assert all(line.startswith("      ") for line in taken[1:])
    assert read_file(shipped)["tenants"] == {other: kept}
    assert list(settings.tenants) == [other]


def test_the_last_tenant_leaves_an_empty_map_and_the_next_one_takes_its_place(dev: Path) -> None:
    remove_tenant(dev, "weather")
    remove_tenant(dev, "mobility")
    assert "  ariel:tenants: {}\n" in dev.read_text(encoding="utf-8")
    assert list_tenants(dev) == {}
    add_tenant(dev, "finance", NEW)
    assert "  ariel:tenants:\n    finance:\n      owner: " in dev.read_text(encoding="utf-8")


def test_a_file_without_the_key_gets_it(dev: Path) -> None:
    text = dev.read_text(encoding="utf-8")
    dev.write_text(text[: text.index("  ariel:tenants:")] + "encryptionsalt: v1:x\n", encoding="utf-8")
    add_tenant(dev, "finance", NEW)
    assert list(list_tenants(dev)) == ["finance"]
    assert dev.read_text(encoding="utf-8").endswith("encryptionsalt: v1:x\n")


def test_comments_of_every_place_survive(dev: Path) -> None:
    _rewritten(dev, "    mobility:", "\n# at the margin\n    # above mobility\n    mobility: # beside mobility")
    _rewritten(dev, "      egress:", "# at the margin, inside weather\n      egress:")
    add_tenant(dev, "finance", NEW)
    remove_tenant(dev, "weather")
    text = dev.read_text(encoding="utf-8")
    assert "\n# at the margin\n    # above mobility\n    mobility: # beside mobility\n" in text
    assert "inside weather" not in text
    assert list(list_tenants(dev)) == ["mobility", "finance"]


def test_comments_directly_above_a_tenant_leave_with_it(dev: Path) -> None:
    _rewritten(dev, "    mobility:", "    # all of this\n    # is about mobility\n    mobility:")
    remove_tenant(dev, "mobility")
    assert "about mobility" not in dev.read_text(encoding="utf-8")


def test_a_file_with_blank_lines_and_windows_line_ends_keeps_both(dev: Path) -> None:
    before = _rewritten(dev, "    mobility:", "\n    mobility:").replace("\n", "\r\n")
    dev.write_bytes(before.encode())
    add_tenant(dev, "finance", NEW)
    after = dev.read_bytes().decode()
    assert "\r\n\r\n    finance:\r\n" in after
    assert after.count("\n") == after.count("\r\n")
    remove_tenant(dev, "finance")
    assert dev.read_bytes().decode() == before


def test_a_file_without_a_last_line_end_is_continued_on_a_new_line(dev: Path) -> None:
    dev.write_text(dev.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    add_tenant(dev, "finance", TENANT)
    assert list(list_tenants(dev)) == ["weather", "mobility", "finance"]


@pytest.mark.parametrize(
    ("slug", "block"),
    [
        ("a_b", NEW),
        ("kube-system", NEW),
        ("finance", {**TENANT, "quota": {"podz": 3}}),
        ("finance", {**TENANT, "repository": {"url": "https://a:b@c.com/d.git"}}),
        ("finance", skeleton(owner="nobody", group_id="none", url="none")),
        ("weather", NEW),
    ],
    ids=["bad slug", "reserved slug", "unknown key", "credential", "bad skeleton", "taken slug"],
)
def test_a_tenant_that_does_not_validate_leaves_the_file_untouched(dev: Path, slug: str, block: dict) -> None:
    before, written = dev.read_bytes(), dev.stat().st_mtime_ns
    with pytest.raises(ArielError) as refused:
        add_tenant(dev, slug, block)
    assert refused.value.problems[0].path.startswith(f"tenants.{slug}")
    assert (dev.read_bytes(), dev.stat().st_mtime_ns) == (before, written)
    assert os.listdir(dev.parent) == [dev.name]


def test_removing_one_of_two_who_share_a_vault_leaves_the_file_untouched(dev: Path) -> None:
    secrets = "      secrets:\n        mode: shared\n        trustGroup: maps\n"
    for slug in ("weather", "mobility"):
        _rewritten(dev, f"    {slug}:\n", f"    {slug}:\n{secrets}")
    groups = "  ariel:trustGroups:\n    maps:\n      reason: one team in two repositories\n"
    before = _rewritten(dev, "  ariel:tenants:\n", f"{groups}  ariel:tenants:\n")
    with pytest.raises(SettingsError, match=r"trustGroups\.maps"):
        remove_tenant(dev, "weather")
    assert dev.read_text(encoding="utf-8") == before


def test_removing_a_tenant_that_is_not_there_names_the_nearest(dev: Path) -> None:
    with pytest.raises(UsageError) as refused:
        remove_tenant(dev, "wether")
    assert refused.value.problems[0].action == "did you mean `weather`?"


def test_a_tenant_which_made_the_file_invalid_can_be_removed(dev: Path) -> None:
    _rewritten(dev, "https://github.com/contoso/weather-dags.git", "nowhere")
    with pytest.raises(SettingsError):
        list_tenants(dev)
    assert list(remove_tenant(dev, "weather").tenants) == ["mobility"]


def test_tenants_in_braces_are_left_to_a_person(dev: Path) -> None:
    text = dev.read_text(encoding="utf-8")
    block = "{owner: a@b.de, groupId: " + GUID + ", repository: {url: 'https://c.com/d.git'}}"
    dev.write_text(f"{text[: text.index('  ariel:tenants:')]}  ariel:tenants: {{one: {block}}}\n", encoding="utf-8")
    for change in (lambda: add_tenant(dev, "finance", NEW), lambda: remove_tenant(dev, "one")):
        with pytest.raises(UsageError, match="by hand"):
            change()
    assert list(list_tenants(dev)) == ["one"]


def test_an_anchor_that_another_tenant_uses_is_not_cut_away(dev: Path) -> None:
    _rewritten(dev, "owner: weather-lead@contoso.com", "owner: &lead weather-lead@contoso.com")
    before = _rewritten(dev, "owner: mobility-lead@contoso.com", "owner: *lead")
    with pytest.raises(SettingsError, match="undefined alias"):
        remove_tenant(dev, "weather")
    assert dev.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("tenants", ["[]", "null", "5"])
def test_tenants_which_are_no_map_are_reported_before_any_edit(dev: Path, tenants: str) -> None:
    text = dev.read_text(encoding="utf-8")
    dev.write_text(f"{text[: text.index('  ariel:tenants:')]}  ariel:tenants: {tenants}\n", encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        add_tenant(dev, "finance", NEW)
    assert refused.value.problems[0].path == "tenants"


def test_mode_and_symbolic_link_of_the_file_are_kept(dev: Path, tmp_path: Path) -> None:
    dev.chmod(0o640)
    real = tmp_path / "elsewhere"
    real.mkdir()
    target = dev.rename(real / dev.name)
    dev.symlink_to(target)
    add_tenant(dev, "finance", NEW)
    assert dev.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert "finance" in target.read_text(encoding="utf-8")


def test_a_skeletons_values_cannot_break_out_of_their_line() -> None:
    block = skeleton(owner="a@b.de\nquota: 5", group_id="x # y", url="{z: 1}")
    assert (block["owner"], block["groupId"], block["repository"]["url"]) == ("a@b.de\nquota: 5", "x # y", "{z: 1}")
