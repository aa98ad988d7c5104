"""What becomes of claims to an answer when those who made them lose their exchanges, or their lives."""

from tollway.ledger.answers import AnswerClaim, KeepAnswer, ReleaseAnswer, after_refusals, without_claims


def claim(exchange_id: int) -> AnswerClaim:
    return AnswerClaim(scope_id=1, key_digest=b"k", request_digest=b"r", exchange_id=exchange_id, created_ms=1_000)


def test_a_key_is_remembered_for_a_day() -> None:
    assert claim(7).expires_ms == 1_000 + 86_400_000


def test_only_the_answer_of_a_refused_exchange_is_released() -> None:
    steps = [claim(7), KeepAnswer(claim=claim(7)), KeepAnswer(claim=claim(8))]
    assert after_refusals(steps, frozenset({7})) == [claim(7), ReleaseAnswer(claim(7)), KeepAnswer(claim=claim(8))]


def test_a_worker_that_was_taken_for_dead_claims_nothing() -> None:
    steps = [claim(7), KeepAnswer(claim=claim(8))]
    assert without_claims(steps) == [ReleaseAnswer(claim(7)), KeepAnswer(claim=claim(8))]
