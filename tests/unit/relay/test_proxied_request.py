"""A call that belongs to no dialect, as its provider gets it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers import NOWHERE, a_provider
from tollway import __version__
from tollway.catalog.cards import make_card
from tollway.catalog.records import CallPrice, Prices, Provider
from tollway.dialects.known import DIALECTS
from tollway.errors import Refusal
from tollway.relay.proxied_request import (
    Call,
    checked_path,
    checked_query,
    dialect_at,
    passed_headers,
    path_at,
    price_of,
    request_of,
    target_of,
)

OURS = (b"x-ours-",)


def provider(prefix: str = "/v1", **more: object) -> Provider:
    plain = a_provider("p")
    spoken = msgspec.structs.replace(plain.speaks[0], path_prefix=prefix)
    return msgspec.structs.replace(plain, speaks=(spoken,), **more)


def call(method: str = "POST", path: str = "/v1/things", **more: object) -> Call:
    fields: dict[str, object] = {"query": "", "headers": (), "body": b""} | more
    return Call(method=method, path=path, **fields)  # type: ignore[arg-type]


def request(call: Call, to: Provider | None = None, lines: bytes = b"") -> tuple[list[bytes], bytes]:
    """Return the lines of a request's head, and its body."""
    head, _, body = request_of(to or provider(), call, ours=OURS, lines=lines).partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


@pytest.mark.parametrize(
    ("prefix", "path", "whole"),
    [
        ("", "/v1/things", "/v1/things"),
        ("/v1", "/v1/things", "/v1/things"),
        ("/v1", "/things", "/v1/things"),
        ("/openai/v1", "/v1/things", "/openai/v1/things"),
        ("/a/b", "/a/b/c", "/a/b/c"),
        ("/a/b", "/b/b/c", "/a/b/b/c"),
        ("/v1", "/v1", "/v1"),
        ("/v1", "/v10/x", "/v1/v10/x"),
        ("/v1", "/", "/v1/"),
        ("/v1", "/things/", "/v1/things/"),
    ],
)
def test_a_path_is_below_the_providers_own_without_saying_it_twice(prefix: str, path: str, whole: str) -> None:
    assert path_at(prefix, path) == whole
    assert target_of(provider(prefix), call(path=path, query="a=1&b")) == f"{whole}?a=1&b"


@pytest.mark.parametrize("path", [b"/", b"/a", b"/v1/a%20b", b"/a/", b"/a.b/..c", b"/a;x=1/b,c", b"/%C3%A4"])
def test_a_path_that_leads_to_one_place_is_passed_on_as_it_is(path: bytes) -> None:
    assert checked_path(path) == path.decode()


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"a",
        b"http://h/a",
        b"//a",
        b"/a//b",
        b"/./a",
        b"/a/../b",
        b"/a/..",
        b"/a/.",
        b"/a/%2e%2E/b",
        b"/a/%252e%252e/b",
        b"/a/%25252525/b",
        b"/a%2fb",
        b"/a%252fb",
        b"/a\\b",
        b"/a%5cb",
        b"/a%00",
        b"/a%0d%0ax: 1",
        b"/a\xc3\xa4",
        b"/a b",
        b"/a%c0%ae%c0%ae/b",
        b"/a%7f",
        b"/a#b",
    ],
)
def test_any_other_path_is_refused(path: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        checked_path(path)
    assert refused.value.code == "invalid_request"


def test_a_query_is_passed_on_as_it_came() -> None:
    assert checked_query(b"") == ""
    assert checked_query(b"a=%2F&b=..&c") == "a=%2F&b=..&c"


@pytest.mark.parametrize("query", [b"a b", b"a#b", b"a\xc3\xa4", b"a\r\nx: 1", b"\x00"])
def test_a_query_with_what_must_be_encoded_is_refused(query: bytes) -> None:
    with pytest.raises(Refusal, match="must be encoded"):
        checked_query(query)


@given(st.binary(max_size=40))
def test_no_path_that_passes_leads_upwards_or_out(path: bytes) -> None:
    try:
        passed = checked_path(b"/" + path)
    except Refusal:
        return
    assert "//" not in passed
    assert ".." not in passed.split("/")
    assert passed.isascii()
    assert not set(passed) & set("\r\n \\")


def test_the_head_names_the_provider_and_what_lets_the_call_in() -> None:
    to = provider(headers=(("authorization", "Bearer sk-ours"), ("x-fixed", "1")))
    head, body = request(call(query="a=b", body=b"{}", headers=((b"accept", b"x/y"),)), to, b"x-signed: 2\r\n")
    assert head[0] == b"POST /v1/things?a=b HTTP/1.1"
    assert set(head[1:]) == {
        b"host: h",
        b"accept-encoding: identity",
        f"user-agent: tollway/{__version__}".encode(),
        b"authorization: Bearer sk-ours",
        b"x-fixed: 1",
        b"accept: x/y",
        b"content-length: 2",
        b"x-signed: 2",
    }
    assert body == b"{}"


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", b"", None), ("DELETE", b"", None), ("POST", b"", 0), ("PUT", b"", 0), ("DELETE", b"xy", 2)],
)
def test_a_length_is_said_where_there_may_be_a_body(method: str, body: bytes, length: int | None) -> None:
    head, _ = request(call(method, body=body))
    said = [line for line in head if line.startswith(b"content-length")]
    assert said == ([] if length is None else [b"content-length: %d" % length])


def test_a_clients_header_does_not_stand_beside_the_providers_own() -> None:
    to = provider(headers=(("x-secret-key", "ours"), ("anthropic-version", "2023-06-01")))
    theirs = ((b"x-secret-key", b"theirs"), (b"anthropic-version", b"2026-01-01"), (b"user-agent", b"thing/1"))
    head, _ = request(call(headers=theirs), to)
    assert [line for line in head if line.startswith(b"x-secret-key")] == [b"x-secret-key: ours"]
    assert [line for line in head if line.startswith(b"anthropic-version")] == [b"anthropic-version: 2026-01-01"]
    assert [line for line in head if line.startswith(b"user-agent")] == [b"user-agent: thing/1"]
    head, _ = request(call(), to)
    assert b"anthropic-version: 2023-06-01" in head


def test_what_is_ours_of_the_connection_or_of_the_clients_person_is_left_out() -> None:
    dropped = (
        (b"authorization", b"Bearer tw"),
        (b"x-api-key", b"k"),
        (b"x-goog-api-key", b"k"),
        (b"api-key", b"k"),
        (b"cookie", b"c"),
        (b"x-ours-tag", b"t"),
        (b"x-forwarded-host", b"h"),
        (b"forwarded", b"f"),
        (b"x-http-method-override", b"DELETE"),
        (b"x-original-url", b"/v1/dearer"),
        (b"connection", b"close, X-Hop"),
        (b"x-hop", b"h"),
        (b"te", b"trailers"),
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"9"),
        (b"host", b"gateway"),
        (b"expect", b"100-continue"),
        (b"accept-encoding", b"gzip"),
    )
    kept = ((b"x-other", b"\xe4\t "), (b"content-type", b"a/b"))
    assert tuple(passed_headers((*dropped, *kept), ours=OURS)) == kept


@pytest.mark.parametrize("value", [b"a\r\nx: 1", b"a\nb", b"a\x00", b"\x7f"])
def test_a_header_with_a_break_in_it_is_refused(value: bytes) -> None:
    with pytest.raises(Refusal, match="characters that no header has"):
        list(passed_headers(((b"x-a", value),), ours=OURS))


def a_price(path: str, method: str = "POST") -> CallPrice:
    card = make_card("p", path, Prices(currency="USD", input=0, output=0, call=1), source="config")
    return CallPrice(method=method, path=path, card=card)


@pytest.mark.parametrize("path", ["/v1/videos", "/videos", "/v1/videos/", "/v1/Videos", "/v1/vid%65os", "/vid%2565os"])
@pytest.mark.parametrize("listed", ["/v1/videos", "/videos"])
def test_no_spelling_of_a_path_is_cheaper_than_another(path: str, listed: str) -> None:
    dear, rest = a_price(listed), a_price("/*")
    asked = provider(calls=(a_price(listed, "GET"), dear, rest))
    assert price_of(asked, call(path=path)) is dear
    assert price_of(asked, call(path="/v1/videos/1")) is rest
    assert price_of(asked, call("PUT", path)) is None


@pytest.mark.parametrize(
    ("prefix", "path", "method", "dialect"),
    [
        ("/openai/v1", "/openai/v1/chat/completions", "POST", "openai_chat"),
        ("/openai/v1", "/openai/v1/Chat/completions/", "POST", "openai_chat"),
        ("/openai/v1", "/openai/v1/chat%2Dcompletions", "POST", None),
        ("/openai/v1", "/openai/v1/chat/completions", "GET", None),
        ("/openai/v1", "/openai/v1/chat/completions/1", "POST", None),
        ("/api", "/api/v2/chat", "POST", None),
    ],
)
def test_where_a_provider_is_asked_in_a_dialect_of_clients_nothing_is_passed_on(
    prefix: str, path: str, method: str, dialect: str | None
) -> None:
    asked = provider(prefix)
    cohere = msgspec.structs.replace(asked.home, dialect="cohere_chat", path_prefix="/api")
    elsewhere = msgspec.structs.replace(asked.home, origin=msgspec.structs.replace(NOWHERE, host="elsewhere"))
    asked = msgspec.structs.replace(asked, speaks=(*asked.speaks, cohere, elsewhere))
    assert dialect_at(asked, call(method, path), DIALECTS) == dialect


def test_a_model_in_the_path_of_a_dialect_may_be_any() -> None:
    plain = provider("/openai")
    path = "/deployments/{model}/chat/completions"
    asked = msgspec.structs.replace(plain, speaks=(msgspec.structs.replace(plain.home, path=path),))
    assert dialect_at(asked, call(path="/openai/deployments/mine/chat/completions"), DIALECTS) == "openai_chat"
    assert dialect_at(asked, call(path="/openai/deployments/mine/extensions"), DIALECTS) is None
