"""Where a key stands among the headers."""

import hashlib

import pytest

from tollway.access.credentials import KEY_BYTES_MAX, KEY_HEADERS, key_digest
from tollway.errors import Refusal

DIGEST = hashlib.sha256(b"tw-abc").digest()


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer tw-abc")],
        [(b"authorization", b"bearer  tw-abc ")],
        [(b"x-api-key", b"tw-abc")],
        [(b"accept", b"*/*"), (b"x-api-key", b" tw-abc")],
        [(b"x-api-key", b"tw-abc"), (b"authorization", b"Bearer tw-abc")],
    ],
)
def test_each_form_gives_the_digest_of_the_key(headers: list[tuple[bytes, bytes]]) -> None:
    assert key_digest(headers) == DIGEST


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ([], "No API key"),
        ([(b"authorization", b"Bearer ")], "No API key"),
        ([(b"authorization", b"Basic abc")], "Bearer"),
        ([(b"authorization", b"tw-abc")], "Bearer"),
        ([(b"x-api-key", b"tw-abc"), (b"authorization", b"Bearer tw-abd")], "different"),
        ([(b"x-api-key", b"x" * (KEY_BYTES_MAX + 1))], "too long"),
    ],
)
def test_everything_else_is_refused_in_words(headers: list[tuple[bytes, bytes]], word: str) -> None:
    with pytest.raises(Refusal, match=word) as refused:
        key_digest(headers)
    assert refused.value.code == "invalid_api_key"


def test_a_key_of_the_longest_length_is_looked_up() -> None:
    key = b"x" * KEY_BYTES_MAX
    assert key_digest([(b"x-api-key", key)]) == hashlib.sha256(key).digest()


@pytest.mark.parametrize("name", sorted(KEY_HEADERS))
def test_a_bare_key_stands_where_other_clients_put_it(name: bytes) -> None:
    assert key_digest([(b"host", b"x"), (name, b" tw-1 ")]) == hashlib.sha256(b"tw-1").digest()
    with pytest.raises(Refusal, match="No API key") as refused:
        key_digest([(name, b"")])
    assert refused.value.code == "invalid_api_key"
    with pytest.raises(Refusal, match="too long"):
        key_digest([(name, b"x" * (KEY_BYTES_MAX + 1))])


@pytest.mark.parametrize("name", sorted(KEY_HEADERS))
def test_the_same_key_in_two_places_is_one_and_another_is_refused(name: bytes) -> None:
    bearer = (b"authorization", b"bearer tw-1")
    assert key_digest([bearer, (name, b"tw-1")]) == hashlib.sha256(b"tw-1").digest()
    for headers in ([bearer, (name, b"tw-2")], [(name, b"tw-2"), bearer]):
        with pytest.raises(Refusal, match="Two different API keys"):
            key_digest(headers)


def test_a_key_of_any_other_scheme_is_refused_before_it_is_looked_at() -> None:
    for value in (b"Basic dXNlcjp0dy0x", b"tw-1", b"AWS4-HMAC-SHA256 Credential=x", b""):
        with pytest.raises(Refusal, match="must read: Bearer"):
            key_digest([(b"authorization", value), (b"x-api-key", b"tw-1")])
