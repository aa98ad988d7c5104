"""What models can do, and how each is called."""

import msgspec
import pytest

from tests.providers import a_provider
from tollway.catalog.capabilities import EXAMPLES, FACTS, MODALITIES, modality_of, render_schema, view_capabilities
from tollway.catalog.records import Model, Profile, Streaming, Target


def model(*capabilities: str, profile: Profile | None = None, tokens: int | None = None) -> Model:
    """Return a model at one provider."""
    provider = a_provider()
    if profile is not None:
        spoken = msgspec.structs.replace(provider.home, profile=profile, rules=())
        provider = msgspec.structs.replace(provider, speaks=(spoken,))
    target = Target(provider=provider, model_routed="m", card=None)
    return Model(id="acme/m", targets=(target,), capabilities=capabilities, output_tokens_max=tokens)


@pytest.mark.parametrize(
    ("capabilities", "modality"),
    [
        ((), "text"),
        (("chat", "vision"), "text"),
        (("embeddings",), "embedding"),
        (("images",), "image"),
        (("images", "chat"), "text"),
        (("speech",), "tts"),
        (("of another version",), "text"),
    ],
)
def test_the_modality_is_what_comes_out(capabilities: tuple[str, ...], modality: str) -> None:
    assert modality_of(capabilities) == modality


def test_every_capability_is_explained_and_has_an_example() -> None:
    shown = view_capabilities()
    assert [each["id"] for each in shown] == list(FACTS)
    assert {each["modality"] for each in shown} == EXAMPLES.keys() <= {*MODALITIES}


@pytest.mark.parametrize("word", FACTS)
def test_a_schema_says_where_and_how_a_model_is_called(word: str) -> None:
    schema = render_schema(model(word))
    assert schema["endpoint"]["path"] == FACTS[word].endpoint  # type: ignore[index]
    assert schema["request"]["model"] == "acme/m"  # type: ignore[index]
    assert (schema["stream"] is None) == (FACTS[word].modality != "text")
    snippets = schema["snippets"]
    assert FACTS[word].endpoint in snippets["curl"]  # type: ignore[index]
    assert schema["response"]


def test_quirks_are_sentences_about_what_is_otherwise() -> None:
    profile = Profile(unsupported=frozenset({"top_k", "seed"}), streaming=Streaming.NEVER)
    assert render_schema(model("chat", profile=profile, tokens=10))["quirks"] == [
        "An answer has at most 10 tokens.",
        "Left out, and named in the warning header: seed, top_k.",
        "A stream of it comes at once, when the answer is complete.",
    ]
    assert render_schema(model("chat"))["quirks"] == []
    (unknown,) = render_schema(model())["quirks"]  # type: ignore[misc]
    assert "Nobody said" in unknown
