"""The errors that Tollway raises on purpose, and what each code means on the wire."""

import pytest

from tollway.errors import (
    CODES,
    FailureKind,
    Refusal,
    SetupError,
    Shortage,
    StoreUnusable,
    TollwayError,
    UpstreamFailure,
)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_status_of_an_error(code: str) -> None:
    facts = Refusal(code, "No.").facts
    assert facts is CODES[code]
    assert 400 <= facts.status < 600


def test_trying_again_is_forbidden_where_only_money_helps() -> None:
    assert Refusal("insufficient_quota", "No.").facts.retry is False
    assert Refusal("cap_reached", "No.").facts.retry is False
    assert Refusal("rate_limit_exceeded", "No.", retry_after_s=3).facts.retry is None


def test_a_setup_error_names_every_mistake() -> None:
    error = SetupError(("a: wrong", "b: missing"))
    assert error.mistakes == ("a: wrong", "b: missing")
    assert str(error) == "a: wrong\nb: missing"


def test_a_shortage_says_what_could_be_spent() -> None:
    assert Shortage(purse_id=3, available_nanos=5).available_nanos == 5


def test_all_are_tollways_own() -> None:
    failure = UpstreamFailure(FailureKind.JUNK, "not HTTP")
    assert (failure.kind, failure.message, str(failure)) == (FailureKind.JUNK, "not HTTP", "not HTTP")
    assert isinstance(failure, TollwayError)


def test_what_a_database_says_is_for_logs_and_no_client_is_told() -> None:
    error = StoreUnusable("no such table: exchanges")
    assert "exchanges" not in error.message
    assert "exchanges" in str(error)
    assert (error.facts.status, error.retry_after_s) == (503, 1)
