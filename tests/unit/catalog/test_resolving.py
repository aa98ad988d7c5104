"""Which model is meant where the client's header names a provider, or its path a dialect."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tollway.catalog.catalog import ASKED_CHARACTERS_MAX, Catalog
from tollway.catalog.loader import read_deployment
from tollway.catalog.records import Model
from tollway.errors import Refusal

FILE = """\
[[providers]]
name = "oa"
preset = "openai"
api_key = "env:TOLLWAY_TEST_KEY"

[[providers]]
name = "claude"
preset = "anthropic"
api_key = "env:TOLLWAY_TEST_KEY"

[[providers]]
name = "acme"
preset = "openai-compatible"
base_url = "http://127.0.0.1:9000/v1"

[[models]]
id = "fast"
targets = [{ provider = "acme", model = "acme-1" }, { provider = "oa", model = "gpt-4o-mini" }]
price = { input = "0.15", output = "0.60" }

[[models]]
id = "acme/mixed"
targets = [{ provider = "oa", model = "gpt-4o" }, { provider = "acme", model = "acme-2" }]
price = { input = "1", output = "2" }

[[models]]
id = "acme/away"
targets = [{ provider = "oa", model = "gpt-4o" }]

[[models]]
id = "acme/acme/odd"
targets = [{ provider = "acme", model = "acme/odd" }]
price = { input = "1", output = "2" }

[[models]]
id = "any/*"
targets = [{ provider = "oa", model = "*" }]
"""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.setenv("TOLLWAY_TEST_KEY", "canary-77")
    path = tmp_path / "tollway.toml"
    path.write_text(FILE)
    return read_deployment(path).catalog


def targets(model: Model | None) -> list[tuple[str, str]]:
    """Return where a model may go."""
    return [] if model is None else [(target.provider.name, target.model_routed) for target in model.targets]


@pytest.mark.parametrize(
    ("provider", "asked", "expected"),
    [
        ("oa", "gpt-4o", [("oa", "gpt-4o")]),
        ("oa", "oa/gpt-4o", [("oa", "gpt-4o")]),
        ("oa", "fast", [("oa", "gpt-4o-mini")]),
        ("acme", "fast", [("acme", "acme-1")]),
        ("acme", "acme-1", [("acme", "acme-1")]),
        ("acme", "mixed", [("acme", "acme-2")]),
        ("acme", "acme/mixed", [("acme", "acme-2")]),
        ("acme", "acme/odd", [("acme", "acme/odd")]),
        ("acme", "away", []),
        ("acme", "acme/away", []),
        ("claude", "fast", []),
        ("oa", "any/o3", [("oa", "o3")]),
        ("acme", "any/o3", []),
        ("oa", "nobody-knows", []),
        ("oa", "", []),
        ("oa", "x" * (ASKED_CHARACTERS_MAX + 1), []),
    ],
)
def test_a_named_provider_is_the_only_one_that_is_asked(
    catalog: Catalog, provider: str, asked: str, expected: list[tuple[str, str]]
) -> None:
    assert targets(catalog.resolve_at(provider, asked)) == expected


def test_a_model_whose_every_target_is_there_stays_what_it_is(catalog: Catalog) -> None:
    assert catalog.resolve_at("acme", "acme/odd") is catalog.models["acme/acme/odd"]


@pytest.mark.parametrize(
    ("provider", "hint"), [("oaa", "Did you mean 'oa'?"), ("zzz", ""), ("x" * 10_000, ""), ("OA", "")]
)
def test_a_provider_that_does_not_exist_is_told(catalog: Catalog, provider: str, hint: str) -> None:
    with pytest.raises(Refusal) as refused:
        catalog.resolve_at(provider, "fast")
    assert refused.value.code == "not_found"
    assert refused.value.message.endswith(f"here. {hint}" if hint else "here.")
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    ("dialect", "asked", "expected"),
    [
        ("openai_responses", "gpt-4o", []),
        ("openai_chat", "gpt-4o", [("oa", "gpt-4o")]),
        ("anthropic_messages", "claude-sonnet-4-20250514", [("claude", "claude-sonnet-4-20250514")]),
        ("anthropic_messages", "gpt-4o", []),
        ("openai_chat", "oa/gpt-4o", []),
        ("openai_chat", "nobody-knows", []),
        ("openai_chat", "", []),
        ("gemini", "gemini-2.5-pro", []),
    ],
)
def test_a_path_tells_the_provider_of_a_model_that_nobody_configured(
    catalog: Catalog, dialect: str, asked: str, expected: list[tuple[str, str]]
) -> None:
    home = {name: provider.home.dialect for name, provider in catalog.providers.items()}
    assert home["claude"] == "anthropic_messages"
    if dialect == "openai_chat":
        dialect = home["oa"]
    elif dialect == home["oa"]:
        dialect = "openai_completions"
    assert targets(catalog.resolve_by_dialect(dialect, asked)) == expected


@pytest.mark.parametrize("length", [ASKED_CHARACTERS_MAX + 1, 1_000_000])
def test_a_name_that_is_no_name_is_compared_with_nothing(
    catalog: Catalog, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> Callable[[], None]:
        raise AssertionError("the price library was asked")

    monkeypatch.setattr(type(catalog._pricing.library), "entry", never)
    assert catalog.resolve_by_dialect(catalog.providers["oa"].home.dialect, "g" * length) is None


def test_a_wildcard_takes_no_mistyped_name_of_a_path(catalog: Catalog) -> None:
    assert catalog.resolve("any/gpt-4oo") is not None
    assert catalog.resolve_by_dialect(catalog.providers["oa"].home.dialect, "gpt-4oo") is None
