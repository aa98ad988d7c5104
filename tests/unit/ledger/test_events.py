"""Each kind of event says what happened in a sentence of its own."""

import pytest

from tollway.ledger.events import ZERO_COST, Event, sentence_of
from tollway.ledger.purses import EventKind

SAID = {
    EventKind.CAP_THRESHOLD: "Of the cap cap_0000000000000007 for 'ada', 0.20 of 1.00 is left.",
    EventKind.CAP_REACHED: "The cap cap_0000000000000007 for 'ada' has too little left for a request: 0.20.",
    EventKind.BALANCE_LOW: "The balance has fallen to 0.20.",
    EventKind.PACKAGE_LOW: "The package is nearly used up.",
    "payment_owed": "Payment owed: re_1.",
}
DATA = {"cap_id": 7, "subject": "ada", "left_nanos": 200_000_000, "limit_nanos": 1_000_000_000}


def event(kind: str, data: dict[str, object]) -> Event:
    return Event(id=1, account_id=2, kind=kind, subject="re_1", data=data, created_ms=3)


@pytest.mark.parametrize("kind", SAID)
def test_an_event_is_told_in_words(kind: str) -> None:
    assert sentence_of(event(kind, DATA)) == SAID[kind]


def test_an_event_of_a_cap_without_its_facts_is_told_too() -> None:
    assert sentence_of(event(EventKind.CAP_REACHED, {})) == "The cap has too little left for a request: 0.00."


def test_tokens_that_cost_nothing_are_told_with_their_model() -> None:
    data: dict[str, object] = {"provider": "p", "model": "m", "day": "2026-11-20", "requests": 2, "tokens": 10}
    said = sentence_of(event(ZERO_COST, data))
    assert said == "2 requests to 'm' at 'p' used 10 tokens on 2026-11-20 and cost nothing: check the model's price."
