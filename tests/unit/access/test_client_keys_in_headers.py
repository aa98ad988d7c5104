"""The gateway's key in a header of its own, and beside it a key for a provider."""

import hashlib

import pytest

from tollway.access.credentials import (
    CLIENT_KEY_BYTES_MAX,
    KEY_BYTES_MAX,
    KEY_HEADERS,
    ClientKey,
    KeyHeaders,
)
from tollway.errors import Refusal

KEYS = KeyHeaders(("x-one", "x-two"))
OURS = (b"x-one-key", b"tw-abc")
DIGEST = hashlib.sha256(b"tw-abc").digest()


def test_without_a_header_of_its_own_the_gateways_key_stands_where_it_always_did() -> None:
    presented = KEYS.read([(b"authorization", b"Bearer tw-abc")])
    assert presented == (DIGEST, None)
    with pytest.raises(Refusal, match="No API key"):
        KEYS.read([(b"x-three-key", b"tw-abc")])


@pytest.mark.parametrize("name", [b"x-one-key", b"x-two-key"])
def test_each_brands_header_names_the_gateways_key(name: bytes) -> None:
    assert KEYS.read([(b"host", b"h"), (name, b" tw-abc ")]) == (DIGEST, None)


@pytest.mark.parametrize(
    ("header", "authorization"),
    [
        ((b"authorization", b"Bearer sk-theirs"), "Bearer sk-theirs"),
        ((b"authorization", b"bearer  sk-theirs "), "Bearer sk-theirs"),
        ((b"authorization", b"Basic dXNlcjpwYXNz"), "Basic dXNlcjpwYXNz"),
        *[((name, b"sk-theirs"), "Bearer sk-theirs") for name in sorted(KEY_HEADERS)],
    ],
)
def test_beside_it_another_header_holds_the_key_for_a_provider(header: tuple[bytes, bytes], authorization: str) -> None:
    presented = KEYS.read([OURS, header])
    assert presented.digest == DIGEST
    assert presented.client_key is not None
    assert presented.client_key.authorization == authorization
    assert "theirs" not in repr(presented)


def test_one_key_for_a_provider_may_stand_in_two_headers() -> None:
    presented = KEYS.read([OURS, (b"authorization", b"Bearer sk-theirs"), (b"x-api-key", b"sk-theirs")])
    assert presented.client_key is not None
    assert presented.client_key.reveal() == "sk-theirs"
    assert KEYS.read([OURS, (b"x-two-key", b"tw-abc")]) == (DIGEST, None)


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer tw-abc"),
        (b"x-api-key", b"tw-abc"),
        (b"authorization", b""),
        (b"x-api-key", b" "),
    ],
)
def test_the_gateways_key_sent_twice_is_no_key_for_a_provider(header: tuple[bytes, bytes]) -> None:
    assert KEYS.read([OURS, header]) == (DIGEST, None)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([OURS, (b"x-two-key", b"tw-abd")], "Two different keys of this gateway"),
        ([(b"x-one-key", b"")], "empty or too long"),
        ([(b"x-one-key", b"x" * (KEY_BYTES_MAX + 1))], "empty or too long"),
        ([OURS, (b"authorization", b"Bearer a"), (b"x-api-key", b"b")], "Two different keys for a provider"),
        ([OURS, (b"authorization", b"Bearer a"), (b"authorization", b"Basic a")], "Two different keys for a provider"),
        ([OURS, (b"x-api-key", b"a\tb")], "characters that no key has"),
        ([OURS, (b"x-api-key", b"a\r\nx-evil: 1")], "characters that no key has"),
        ([OURS, (b"x-api-key", b"k\xc3\xa4y")], "characters that no key has"),
        ([OURS, (b"authorization", b"Be:arer sk-a")], "characters that no key has"),
        ([OURS, (b"x-api-key", b"k" * (CLIENT_KEY_BYTES_MAX + 1))], "too long"),
    ],
)
def test_what_cannot_be_told_apart_or_sent_is_refused(headers: list[tuple[bytes, bytes]], said: str) -> None:
    with pytest.raises(Refusal, match=said) as refused:
        KEYS.read(headers)
    assert refused.value.code == "invalid_api_key"


def test_a_clients_key_is_known_by_its_digest_and_shown_to_nobody() -> None:
    key = ClientKey("sk-theirs")
    assert key.digest == hashlib.sha256(b"sk-theirs").digest()
    assert key.reveal() == "sk-theirs"
    assert repr(key) == "ClientKey(***)"
