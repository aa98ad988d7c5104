"""What goes to a provider, and what of its words may be told."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.relay.test_passage import CHAT, MESSAGES, passages, target
from tollway import __version__
from tollway.catalog.records import Origin, Provider, Reach, Scheme, Spoken
from tollway.dialects.known import DIALECTS
from tollway.dialects.record import JSON, ProviderError
from tollway.errors import FailureKind, UpstreamFailure
from tollway.relay import wire
from tollway.relay.wire import (
    STRUCK,
    STRUCK_ADDRESS,
    RequestHeads,
    comes_whole,
    content_type_of,
    get_request,
    host_of,
    make_head,
    provider_refusal,
    retry_after_s,
    strike,
    struck,
)

SECRET = "sk-" + "canary" * 6


def origin(host: str = "h", port: int = 443, scheme: Scheme = Scheme.HTTPS) -> Origin:
    """Return an origin."""
    return Origin(scheme=scheme, host=host, port=port, reach=Reach.PUBLIC)


def provider(at: Origin | None = None, **more: Any) -> Provider:
    """Return a provider with a key."""
    spoken = Spoken(dialect="openai_chat", origin=at or origin(), path_prefix="/v1")
    return Provider(name="there", speaks=(spoken,), secrets=(SECRET,), **more)


@pytest.mark.parametrize(
    ("at", "host"),
    [
        (origin(), "h"),
        (origin(port=80, scheme=Scheme.HTTP), "h"),
        (origin(port=80), "h:80"),
        (origin(host="::1", port=443), "[::1]"),
        (origin(host="::1", port=9000), "[::1]:9000"),
    ],
)
def test_a_host_is_named_as_its_header_wants(at: Origin, host: str) -> None:
    assert host_of(at) == host


def test_a_head_says_what_the_provider_wants_before_what_the_dialect_does() -> None:
    said = provider(headers=(("x-api-key", SECRET), ("anthropic-version", "mine")))
    head = make_head(said, said.home, "/messages", (("anthropic-version", "2023-06-01"), ("x-other", "1")))
    assert head.decode().split("\r\n") == [
        "POST /v1/messages HTTP/1.1",
        "host: h",
        f"user-agent: tollway/{__version__}",
        "accept: */*",
        "accept-encoding: identity",
        "x-other: 1",
        f"x-api-key: {SECRET}",
        "anthropic-version: mine",
        "",
    ]


def test_a_line_break_never_goes_into_a_head() -> None:
    with pytest.raises(AssertionError):
        make_head(provider(headers=(("x", "a\r\nb: c"),)), provider().home, "/x")


def test_a_get_ends_where_its_lines_do() -> None:
    assert get_request(provider(), "/models").startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert get_request(provider(), "/models").endswith(b"identity\r\n\r\n")
    assert get_request(provider(), "/models", b"a: b\r\n").endswith(b"identity\r\na: b\r\n\r\n")


def test_a_request_is_its_head_its_lines_and_its_body() -> None:
    heads = RequestHeads()
    to = target("openai_chat")
    way = passages("openai_chat", CHAT).through(to)
    request = heads.request(to.provider, way)
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == way.body
    assert head.endswith(b"content-type: application/json\r\ncontent-length: %d" % len(body))
    assert heads.request(to.provider, way, b"x: y\r\n").startswith(head.partition(b"content-type")[0] + b"x: y\r\n")


def test_heads_of_one_provider_differ_by_dialect_and_path() -> None:
    heads = RequestHeads()
    to = target("openai_chat", "anthropic_messages", "gemini")
    for dialect, asked in (("openai_chat", CHAT), ("anthropic_messages", MESSAGES)):
        way = passages(dialect, asked).through(to)
        assert heads.request(to.provider, way).startswith(b"POST /v1%b HTTP" % way.path.encode())
    assert len(heads._heads) == 2


def test_heads_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REMEMBERED_MAX", 3)
    heads = RequestHeads()
    for number in range(9):
        to = msgspec.structs.replace(target("gemini"), model_routed=f"m{number}")
        way = passages("openai_chat", CHAT).through(to)
        assert b"/m%d:" % number in heads.request(to.provider, way)
        assert len(heads._heads) <= 3


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], JSON),
        ([(b"server", b"x")], JSON),
        ([(b"content-type", b"application/json")], JSON),
        ([(b"server", b"x"), (b"content-type", b"audio/mpeg")], "audio/mpeg"),
        ([(b"content-type", b"audio/\xff")], JSON),
        ([(b"content-type", b"a\r\nset-cookie: x")], JSON),
    ],
)
def test_the_type_of_an_answer_is_what_may_be_repeated(headers: list[tuple[bytes, bytes]], expected: str) -> None:
    assert content_type_of(headers) == expected


def test_a_whole_answer_to_a_wish_for_a_stream_is_none_for_a_chat() -> None:
    said = [(b"content-type", b"application/json; charset=utf-8")]
    assert comes_whole(said, DIALECTS["openai_transcriptions"])
    assert not comes_whole(said, DIALECTS["openai_chat"])
    assert not comes_whole([(b"content-type", b"text/event-stream")], DIALECTS["openai_transcriptions"])


# -- what may be told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"Incorrect API key: {SECRET}.", f"Incorrect API key: {STRUCK}."),
        (f"{SECRET}{SECRET}", STRUCK * 2),
        (f"key {SECRET[:20]}", f"key {STRUCK}"),
        (f"key {SECRET[:6]}", f"key {STRUCK}"),
        (f"key {SECRET[:5]}", f"key {SECRET[:5]}"),
        ("no key", "no key"),
        ("see https://h/v1/docs", f"see {STRUCK_ADDRESS}/v1/docs"),
        ("see https://other/v1", "see https://other/v1"),
        ("", ""),
    ],
)
def test_no_key_and_no_address_is_told(text: str, told: str) -> None:
    assert strike(text, provider()) == told


@pytest.mark.parametrize("at", [origin(host="10.0.0.7", port=8000, scheme=Scheme.HTTP), origin(host="::1", port=9000)])
def test_an_address_inside_is_told_in_no_form(at: Origin) -> None:
    host = host_of(at)
    said = strike(f"cannot reach {at.scheme}://{host}/v1 ({host})", provider(at))
    assert said == f"cannot reach {STRUCK_ADDRESS}/v1 ({STRUCK_ADDRESS})"


@given(st.text(max_size=30), st.text(max_size=30), st.integers(0, len(SECRET)))
def test_whatever_stands_around_a_key_it_is_never_told(before: str, after: str, cut: int) -> None:
    assert SECRET not in strike(before + SECRET + after, provider())
    assert not strike(before + SECRET[:cut], provider()).endswith(SECRET[: max(cut, 6)])


def test_a_failure_is_told_without_the_key() -> None:
    failure = struck(UpstreamFailure(FailureKind.BROKE, f"bad {SECRET}"), provider())
    assert (failure.kind, failure.message) == (FailureKind.BROKE, f"bad {STRUCK}")


@pytest.mark.parametrize(
    ("after", "seconds"),
    [(b"7", 7), (b"0", 0), (b"86400", 86400), (b"100000", None), (b"-1", None), (b"", None), (b"\xb2", None)],
)
def test_a_providers_refusal_is_told_with_what_may_be_and_when_to_come_again(after: bytes, seconds: int | None) -> None:
    error = ProviderError(message=f"no {SECRET}", type="t", code=SECRET)
    refusal = provider_refusal(429, [(b"server", b"x"), (b"retry-after", after)], error, provider())
    assert (refusal.status, refusal.message, refusal.code) == (429, f"no {STRUCK}", STRUCK)
    assert refusal.retry_after_s == seconds


def test_a_refusal_without_a_code_and_a_time_has_none() -> None:
    refusal = provider_refusal(500, [], ProviderError(message="no", type=None, code=None), provider())
    assert (refusal.code, refusal.param, refusal.retry_after_s) == (None, None, None)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (b"3", 3),
        (b"0", 0),
        (b"0.2", 1),
        (b"Fri, 20 Nov 2026 12:00:07 GMT", 7),
        (b"Fri, 20 Nov 2026 11:59:59 GMT", None),
        (b"-1", None),
        (b"86401", None),
        (b"nan", None),
        (b"1e999", None),
        (b"soon", None),
        (b"", None),
    ],
)
def test_a_provider_may_say_when_in_seconds_or_as_a_date(said: bytes, seconds: int | None) -> None:
    noon_ms = 1_795_176_000_000  # Friday, 20 November 2026, 12:00 GMT
    assert retry_after_s([(b"retry-after", said)], now_ms=noon_ms) == seconds
