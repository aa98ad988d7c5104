"""Straight ways are found out once for each target, and never taken for another's."""

import pytest

from tollway.catalog.records import Origin, Profile, Provider, Reach, Scheme, Spoken, Streaming, StreamUsage, Target
from tollway.dialects.known import DIALECTS
from tollway.relay import ways
from tollway.relay.ways import Way, Ways

ORIGIN = Origin(scheme=Scheme.HTTPS, host="provider.example", port=443, reach=Reach.PUBLIC)
CHAT = DIALECTS["openai_chat"]


def target(model: str = "m", *, name: str = "p", **profile: object) -> Target:
    speaks = (
        Spoken(dialect="openai_chat", origin=ORIGIN, path_prefix="/v1", profile=Profile(**profile)),  # type: ignore[arg-type]
        Spoken(dialect="gemini", origin=ORIGIN, path_prefix=""),
    )
    return Target(provider=Provider(name=name, speaks=speaks), model_routed=model, card=None)


def way(found: Ways, to: Target, *, streamed: bool = False, tokens_max: int | None = None) -> Way:
    straight = found.straight(to, CHAT, streamed=streamed, tokens_max=tokens_max)
    assert straight is not None
    return straight


def test_a_way_is_found_out_once() -> None:
    found = Ways()
    assert way(found, target()) is way(found, target())
    assert way(found, target()).path == CHAT.path


def test_no_way_is_taken_for_another() -> None:
    found = Ways()
    for name in ("p", "q"):
        for model in ("m", "n"):
            for tokens_max in (None, 100):
                edits = way(found, target(model, name=name), tokens_max=tokens_max).edits
                assert (edits.issuer, edits.model_routed) == (name, model)
                assert edits.output_tokens_default == (tokens_max or 4096)
    gemini = DIALECTS["gemini"]
    plain, streamed = (found.straight(target("a/b"), gemini, streamed=each, tokens_max=None) for each in (False, True))
    assert plain is not None
    assert streamed is not None
    assert plain.path == "/v1beta/models/a%2Fb:generateContent"
    assert streamed.path == "/v1beta/models/a%2Fb:streamGenerateContent?alt=sse"


def test_the_profile_stands_in_the_edits() -> None:
    to = target(stream_usage=StreamUsage.ALWAYS, unsupported=frozenset(("seed",)), output_limit="max_completion_tokens")
    edits = way(Ways(), to).edits
    assert not edits.usage_wanted
    assert edits.unsupported == {"seed"}
    assert edits.output_tokens_name == "max_completion_tokens"


def test_who_does_not_answer_so_has_no_straight_way() -> None:
    found = Ways()
    assert found.straight(target(), DIALECTS["ollama_chat"], streamed=False, tokens_max=None) is None
    never = target(streaming=Streaming.NEVER)
    assert found.straight(never, CHAT, streamed=True, tokens_max=None) is None
    assert found.straight(never, CHAT, streamed=True, tokens_max=None) is None
    assert way(found, never).spoken.path_prefix == "/v1"
    assert Ways().straight(target(streaming=Streaming.ALWAYS), CHAT, streamed=False, tokens_max=None) is None


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "REMEMBERED_MAX", 3)
    found = Ways()
    seen = [way(found, target(f"m{number}")) for number in range(10)]
    assert [each.edits.model_routed for each in seen] == [f"m{number}" for number in range(10)]
    assert way(found, target("m9")) is seen[9]
    assert way(found, target("m0")) is not seen[0]
