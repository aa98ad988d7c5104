"""Where a key stands among the headers."""

import hashlib

import pytest

from tollway.access.credentials import KEY_BYTES_MAX, key_digest
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
