"""Which target is tried next, and what a client is told when none is left."""

import msgspec
import pytest

from tests.unit.routing.test_plan import target
from tollway.catalog.records import ErrorMeaning
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.relay.attempts import ProviderRefusal, Setback, attempts, explain


def refusal(status: int) -> ProviderRefusal:
    """Return a provider's error answer."""
    return ProviderRefusal(status=status, message="no", code="c", param="temperature", retry_after_s=3)


def run(setbacks: list[Setback], names: str) -> tuple[list[str], Refusal]:
    """Feed setbacks to the attempts at targets named by letters; return which were tried, and the end."""
    tries = attempts(tuple(target(name) for name in names))
    tried = [next(tries).provider.name]
    for setback in setbacks:
        try:
            tried.append(tries.send(setback).provider.name)
        except StopIteration as stop:
            return tried, stop.value
    raise AssertionError("more targets than setbacks")


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503, 529, 302])
def test_another_target_is_tried_after_what_says_nothing_of_the_request(status: int) -> None:
    tried, _ = run([refusal(status), refusal(status)], "ab")
    assert tried == ["a", "b"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_wrong_is_not_tried_again(status: int) -> None:
    tried, end = run([refusal(status)], "ab")
    assert tried == ["a"]
    assert end.code == "invalid_request"
    assert end.param == "temperature"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FailureKind.BLOCKED, "upstream_unavailable"),
        (FailureKind.CONNECT, "upstream_unavailable"),
        (FailureKind.TIMEOUT, "upstream_timeout"),
        (FailureKind.BROKE, "upstream_error"),
        (FailureKind.JUNK, "upstream_error"),
    ],
)
def test_each_kind_of_failure_has_its_code_and_names_the_provider(kind: FailureKind, code: str) -> None:
    tried, end = run([UpstreamFailure(kind, "it broke")] * 2, "ab")
    assert tried == ["a", "b"]
    assert end.code == code
    assert "'b'" in end.message


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "model_not_found"),
        (408, "upstream_timeout"),
        (429, "rate_limit_exceeded"),
        (500, "upstream_error"),
        (503, "upstream_unavailable"),
        (504, "upstream_timeout"),
        (529, "upstream_unavailable"),
    ],
)
def test_each_status_of_a_provider_has_its_code(status: int, code: str) -> None:
    told = explain(refusal(status), provider="a")
    assert told.code == code
    assert told.retry_after_s == 3
    assert told.metadata == {"provider": "a", "provider_status": status, "provider_code": "c"}


def test_a_provider_that_refuses_our_key_is_not_the_clients_fault_and_its_words_stay_here() -> None:
    told = explain(refusal(401), provider="a")
    assert told.code == "upstream_error"
    assert "operator" in told.message
    assert ": no" not in told.message


def test_no_target_at_all_is_unavailable() -> None:
    with pytest.raises(StopIteration) as stop:
        next(attempts(()))
    assert stop.value.value.code == "upstream_unavailable"


@pytest.mark.parametrize(
    ("meaning", "code", "says"),
    [
        (ErrorMeaning.CREDENTIALS, "upstream_error", "refused this gateway's credentials"),
        (ErrorMeaning.FUNDS, "upstream_error", "the operator must top up"),
        (ErrorMeaning.RATE_LIMIT, "rate_limit_exceeded", "answered 400: no"),
        (ErrorMeaning.OVERLOADED, "upstream_unavailable", "answered 400: no"),
        (ErrorMeaning.MODEL, "model_not_found", "answered 400: no"),
    ],
)
def test_what_an_error_is_about_counts_more_than_its_status(meaning: ErrorMeaning, code: str, says: str) -> None:
    said = msgspec.structs.replace(refusal(400), meaning=meaning)
    tried, end = run([said, said], "ab")
    assert tried == ["a", "b"], "none of it is the request's fault"
    assert end.code == code
    assert says in end.message
    assert end.metadata is not None
    assert end.metadata["provider_status"] == 400


def test_a_request_that_is_called_wrong_by_another_status_is_not_tried_again() -> None:
    tried, end = run([msgspec.structs.replace(refusal(500), meaning=ErrorMeaning.REQUEST)], "ab")
    assert (tried, end.code) == (["a"], "invalid_request")
