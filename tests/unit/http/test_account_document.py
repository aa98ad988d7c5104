"""docs/account-api.md names every route of the accounts' API, and what each needs."""

import re

from tests.tidy.tree import ROOT
from tollway.access.managing import Need
from tollway.http.account.needs import LATER_BELOW, ROUTES
from tollway.http.later import LATER

TEXT = (ROOT / "docs" / "account-api.md").read_text(encoding="utf-8")
WORDS = {Need.KEYS_READ: "keys, read", Need.KEYS_WRITE: "keys, write"}


def rows() -> dict[tuple[str, str], str]:
    """Return what the table of routes says each method and path needs; parameters all have one name."""
    found: dict[tuple[str, str], str] = {}
    table = TEXT.partition("## Every route")[2].partition("\n## ")[0]
    for routes, need in re.findall(r"^\| (`.*?) \| (.*?) \|", table, re.MULTILINE):
        path = ""
        for route in re.findall(r"`(.*?)`", routes):
            method, _, named = route.partition(" ")
            path = re.sub(r"\{\w+\}", "{}", named) or path
            found[method, path] = need
    return found


def test_every_route_is_named_with_what_it_needs() -> None:
    shown = rows()
    for path, methods in ROUTES.items():
        for method, need in methods.items():
            said = shown[method, re.sub(r"\{\w+\}", "{}", path)]
            assert said == WORDS.get(need, need.value) or need.value in said.split(", "), (method, path)
    assert len(shown) == sum(len(methods) for methods in ROUTES.values())


def test_what_comes_later_is_named() -> None:
    later = TEXT.partition("## What comes later")[2]
    for path in (*LATER, *(path.removeprefix("/api/v1/") for path in LATER_BELOW)):
        assert f"`{path}`" in later, path
