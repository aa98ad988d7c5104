"""The records of the catalog."""

import pytest

from tollway.catalog.records import ModelRule, Origin, Profile, Provider, Reach, Scheme, Spoken

ORIGIN = Origin(scheme=Scheme.HTTPS, host="h", port=443, reach=Reach.PUBLIC)


def test_a_provider_is_shown_without_its_secret() -> None:
    provider = Provider(
        name="p",
        speaks=(Spoken(dialect="openai_chat", origin=ORIGIN, path_prefix="/v1"),),
        headers=(("authorization", "secret"),),
        secrets=("secret",),
    )
    assert repr(provider) == "Provider('p')"


def test_the_first_rule_that_fits_a_model_counts() -> None:
    strict, lax, plain = Profile(output_limit="strict"), Profile(output_limit="lax"), Profile()
    rules = (ModelRule(pattern="o1", profile=lax), ModelRule(pattern="o*", profile=strict))
    spoken = Spoken(dialect="openai_chat", origin=ORIGIN, path_prefix="", profile=plain, rules=rules)
    assert [spoken.profile_of(name) for name in ("o1", "o1-mini", "gpt-4")] == [lax, strict, plain]


@pytest.mark.parametrize(
    ("model", "dialects"),
    [
        ("claude-1", ["anthropic_messages"]),
        ("gemini-2", ["gemini"]),
        ("gemini-embedding", []),
    ],
)
def test_a_provider_has_some_models_in_one_dialect_only(model: str, dialects: list[str]) -> None:
    claude = Spoken(dialect="anthropic_messages", origin=ORIGIN, path_prefix="", only=("claude*",))
    gemini = Spoken(dialect="gemini", origin=ORIGIN, path_prefix="", never=("claude*", "gemini-embedding"))
    provider = Provider(name="p", speaks=(claude, gemini))
    assert [spoken.dialect for spoken in provider.speaks_of(model)] == dialects
    assert (provider.speaking("gemini", model) is gemini) == ("gemini" in dialects)
    assert provider.speaking("gemini") is gemini
