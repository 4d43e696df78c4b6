"""Physical names: legal for every kind and distinct for every stack and tenant, however hostile the slugs."""

from __future__ import annotations

import itertools
import re

import pytest

from stacks import naming
from stacks.naming import Kind, Names

STACKS = ("dev", "d", "de", "prod", "local", "p" * 16, "p" * 15 + "q", "dev2", "devtask")
ORGANISATIONS = ("co", "contoso", "c" * 10)
SLUGS = tuple(
    dict.fromkeys(
        (
            "abc",
            "a-bc",
            "ab-c",
            "a-b-c",
            "abc1",
            "abc-1",
            "x" * 20,
            "x" * 19,
            "x" * 19 + "y",
            "x-" * 9 + "xx",
            "x-" * 9 + "xy",
            "xx-" * 6 + "xx",
            "dev",
            "task",
            "triggerer",
            "db-processor",
            *("".join(letters) for letters in itertools.product("ab1", repeat=3) if letters[0] != "1"),
            *(f"{a}-{b}" for a, b in itertools.product(("aa", "ab", "a1", "team"), ("task", "db", "1", "kv"))),
            *(f"team-{'0' * zeros}{number}" for zeros in (0, 5, 12) for number in range(8)),
        )
    )
)
LIMITS = {Kind.STORAGE_ACCOUNT: 24, Kind.VAULT: 24, Kind.REGISTRY: 50, Kind.DATABASE_SERVER: 63, Kind.CLUSTER: 63}
"""Azure, "Naming rules and restrictions for Azure resources": the kinds that names press against."""


@pytest.mark.parametrize("kind", Kind)
def test_names_are_legal_and_distinct_for_every_stack_and_slug(kind: Kind) -> None:
    legal = re.compile(r"^[a-z](?!.*--)[a-z0-9-]*[a-z0-9]$" if kind.hyphens else r"^[a-z][a-z0-9]*$")
    owner: dict[str, tuple[str, str, str]] = {}
    for organisation, stack, slug in itertools.product(ORGANISATIONS, STACKS, ("", *SLUGS)):
        name = Names(organisation=organisation, stack=stack).of(kind, slug)
        assert legal.match(name), name
        assert 3 <= len(name) <= min(kind.longest, LIMITS.get(kind, kind.longest)), name
        assert owner.setdefault(name, (organisation, stack, slug)) == (organisation, stack, slug)
    assert len(owner) == len(ORGANISATIONS) * len(STACKS) * (len(SLUGS) + 1)


def test_the_slugs_of_this_test_are_slugs() -> None:
    assert [slug for slug in SLUGS if not re.match(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", slug)] == []
    assert {len(slug) for slug in SLUGS} >= {3, 20}
    assert max(map(len, SLUGS)) == 20


@pytest.mark.parametrize(
    ("name_of", "longest", "pattern"),
    [
        (naming.task_namespace, 63, r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        (naming.parse_namespace, 63, r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        (naming.processor_role, 63, r"^[a-z_][a-z0-9_]*$"),
        (naming.triggerer_role, 63, r"^[a-z_][a-z0-9_]*$"),
        (naming.trust_vault, 63, r"^[a-z0-9-]+$"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_names_inside_cluster_and_database_are_legal_and_distinct(name_of, longest, pattern) -> None:  # type: ignore[no-untyped-def]
    names = [name_of(slug) for slug in SLUGS]
    assert len(set(names)) == len(SLUGS)
    assert [name for name in names if len(name) > longest or not re.match(pattern, name)] == []


def test_namespaces_and_roles_of_one_tenant_are_distinct() -> None:
    assert naming.task_namespace("abc") != naming.parse_namespace("abc")
    assert naming.processor_role("abc") != naming.triggerer_role("abc")


def test_a_name_that_fits_is_not_changed() -> None:
    assert Names(organisation="contoso", stack="dev").of(Kind.VAULT, "weather") == "kv-contoso-dev-weather"


def test_a_name_that_is_too_long_ends_in_a_digest_of_the_whole_of_it() -> None:
    names = Names(organisation="contoso", stack="prod")
    one, other = names.of(Kind.VAULT, "mobility-counts-a"), names.of(Kind.VAULT, "mobility-counts-b")
    assert one != other
    assert one[:15] == other[:15] == "kv-mobility-cou"
    assert re.fullmatch(r"-[0-9a-f]{8}", one[15:])


def test_the_digest_tells_organisations_and_stacks_apart_where_the_name_does_not() -> None:
    slug = "x" * 20
    names = {Names(organisation=org, stack=stack).of(Kind.VAULT, slug) for org in ORGANISATIONS for stack in STACKS}
    assert len(names) == len(ORGANISATIONS) * len(STACKS)
    assert len({name[:-9] for name in names if name.startswith("kv-xxx")}) == 1


def test_a_name_without_hyphens_does_not_become_that_of_another() -> None:
    names = Names(organisation="contoso", stack="dev")
    assert names.of(Kind.STORAGE_ACCOUNT, "a-bc") != names.of(Kind.STORAGE_ACCOUNT, "ab-c")


def test_the_name_of_a_role_assignment_is_the_same_on_every_run() -> None:
    first = naming.role_assignment("/a", "id-x", "AcrPull")
    assert first == naming.role_assignment("/a", "id-x", "AcrPull")
    assert len({first, *(naming.role_assignment(*args) for args in (("/b", "id-x", "AcrPull"), ("/a", "y", "z")))}) == 3
