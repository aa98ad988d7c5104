"""Names and encryption of kept answers: only who sends the same once more can read one."""

import itertools
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from tollway.relay.sealing import Seal

REQUEST: dict[str, Any] = {"owner": (7, 0), "key": "order-1", "target": b"POST /v1/x", "body": b'{"a":1}'}
OTHERS: list[dict[str, Any]] = [
    {"owner": (8, 0)},
    {"owner": (7, 1)},
    {"key": "order-2"},
    {"target": b"POST /v1/y"},
    {"body": b'{"a":2}'},
    {"target": b"POST /v1/x{", "body": b'"a":1}'},
]


def test_the_same_request_opens_what_it_closed() -> None:
    sealed = Seal(**REQUEST).close(b"head", b"body", exchange_id=5)
    assert Seal(**REQUEST).open(sealed, exchange_id=5) == (b"head", b"body")
    assert Seal(**REQUEST).open(Seal(**REQUEST).close(b"", b"", exchange_id=5), exchange_id=5) == (b"", b"")


def test_nothing_of_an_answer_can_be_seen_and_two_closings_differ() -> None:
    first, second = (Seal(**REQUEST).close(b"head", b"body", exchange_id=5) for _ in range(2))
    assert first != second
    assert b"head" not in first
    assert b"body" not in first


@pytest.mark.parametrize("other", OTHERS)
def test_another_request_opens_nothing(other: dict[str, Any]) -> None:
    sealed = Seal(**REQUEST).close(b"head", b"body", exchange_id=5)
    with pytest.raises(InvalidTag):
        Seal(**REQUEST | other).open(sealed, exchange_id=5)


def test_an_answer_that_was_altered_or_moved_opens_for_nobody() -> None:
    sealed = Seal(**REQUEST).close(b"head", b"body", exchange_id=5)
    with pytest.raises(InvalidTag):
        Seal(**REQUEST).open(sealed, exchange_id=6)
    for place in range(len(sealed)):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(InvalidTag):
            Seal(**REQUEST).open(altered, exchange_id=5)


def test_keys_of_different_owners_have_different_names_and_other_requests_have_the_same_key() -> None:
    seals = [Seal(**REQUEST | other) for other in [{}, *OTHERS]]
    same_key = [seals[0].key_digest == seal.key_digest for seal in seals]
    assert same_key == [True, False, False, False, True, True, True]
    for one, another in itertools.combinations(seals, 2):
        assert one.request_digest != another.request_digest
