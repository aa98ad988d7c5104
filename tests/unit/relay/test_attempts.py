"""Which target is tried next, and what a client is told when none is left."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.routing.test_plan import target
from tollway.catalog.records import ErrorMeaning
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.relay.attempts import (
    BACKOFF_S_MAX,
    RETRY_TIME_S_MAX,
    Happened,
    ProviderRefusal,
    Setback,
    attempts,
    explain,
    pause_s,
)


def refusal(status: int) -> ProviderRefusal:
    """Return a provider's error answer."""
    return ProviderRefusal(status=status, message="no", code="c", param="temperature", retry_after_s=3)


def run(setbacks: list[Setback], names: str) -> tuple[list[str], Refusal]:
    """Feed setbacks to the attempts at targets named by letters; return which were tried, and the end."""
    tries = attempts(tuple(target(name) for name in names))
    tried = [next(tries).target.provider.name]
    for setback in setbacks:
        try:
            tried.append(tries.send(Happened(setback)).target.provider.name)
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


# -- the same target again

OVERLOADED = ProviderRefusal(status=503, message="no", code=None, param=None, retry_after_s=None)
PASSES = [
    UpstreamFailure(FailureKind.CONNECT, "refused"),
    UpstreamFailure(FailureKind.TIMEOUT, "silent"),
    *(msgspec.structs.replace(OVERLOADED, status=status) for status in (408, 429, 500, 502, 503, 504, 529)),
    msgspec.structs.replace(OVERLOADED, status=400, meaning=ErrorMeaning.OVERLOADED),
]
STAYS = [
    UpstreamFailure(FailureKind.BLOCKED, "not allowed"),
    UpstreamFailure(FailureKind.BROKE, "cut"),
    UpstreamFailure(FailureKind.JUNK, "not HTTP"),
    *(msgspec.structs.replace(OVERLOADED, status=status) for status in (302, 401, 402, 403, 404)),
    msgspec.structs.replace(OVERLOADED, status=500, meaning=ErrorMeaning.CREDENTIALS),
    Refusal("not_supported", "It would lose something."),
]


def play(names: str, setbacks: dict[str, Setback], *, retries: int, takes_s: float = 0.1) -> list[tuple[str, float]]:
    """Let each target fail in its own way, in `takes_s` each; return what was tried, and after which wait."""
    tries = attempts(tuple(target(name) for name in names), retries=retries)
    seen: list[tuple[str, float]] = []
    elapsed_s = 0.0
    tried = next(tries)
    while True:
        name = tried.target.provider.name
        seen.append((name, tried.after_s))
        elapsed_s += tried.after_s + takes_s
        try:
            tried = tries.send(Happened(setbacks[name], elapsed_s, draw=0.0))
        except StopIteration:
            return seen


@pytest.mark.parametrize("setback", PASSES, ids=str)
def test_what_may_pass_is_tried_again_as_often_as_the_budget_says(setback: Setback) -> None:
    assert [name for name, _ in play("a", {"a": setback}, retries=3)] == ["a"] * 4


@pytest.mark.parametrize("setback", STAYS, ids=str)
def test_what_stays_is_not_tried_again(setback: Setback) -> None:
    assert [name for name, _ in play("a", {"a": setback}, retries=3)] == ["a"]


def test_other_targets_come_first_and_at_once_then_the_same_ones_with_a_wait() -> None:
    seen = play("ab", {"a": OVERLOADED, "b": OVERLOADED}, retries=3)
    assert seen == [("a", 0.0), ("b", 0.0), ("a", 0.125), ("b", 0.25), ("a", 0.5)]


def test_only_those_that_may_answer_are_tried_again() -> None:
    lost = UpstreamFailure(FailureKind.BROKE, "cut")
    assert [name for name, _ in play("ab", {"a": lost, "b": OVERLOADED}, retries=2)] == ["a", "b", "b", "b"]


def test_a_wait_that_the_provider_asks_for_is_kept_where_it_is_short() -> None:
    soon = msgspec.structs.replace(OVERLOADED, status=429, retry_after_s=2)
    assert play("a", {"a": soon}, retries=5) == [("a", 0.0), ("a", 2.0), ("a", 2.0), ("a", 2.0)]
    late = msgspec.structs.replace(soon, retry_after_s=9)
    assert play("a", {"a": late}, retries=5) == [("a", 0.0)]


def test_a_request_that_turns_out_to_be_wrong_ends_the_retries() -> None:
    tries = attempts((target("a"),), retries=5)
    next(tries)
    tries.send(Happened(OVERLOADED))
    with pytest.raises(StopIteration) as stop:
        tries.send(Happened(refusal(400)))
    assert stop.value.value.code == "invalid_request"


@given(
    setbacks=st.lists(st.sampled_from(PASSES + STAYS), min_size=1, max_size=40),
    targets=st.integers(1, 4),
    retries=st.integers(0, 5),
    takes_s=st.floats(0, 5),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_no_retry_begins_late_and_none_is_beyond_the_budget(
    setbacks: list[Setback], targets: int, retries: int, takes_s: float, draw: float
) -> None:
    tries = attempts(tuple(target(name) for name in "abcd"[:targets]), retries=retries)
    tried = next(tries)
    count, elapsed_s = 1, takes_s
    for setback in setbacks * 10:
        try:
            tried = tries.send(Happened(setback, elapsed_s, draw))
        except StopIteration:
            break
        count += 1
        if count <= targets:
            assert tried.after_s == 0
        else:
            assert 0 < tried.after_s <= RETRY_TIME_S_MAX
            assert tried.after_s <= BACKOFF_S_MAX or pause_s(setback) is not None
            assert elapsed_s + tried.after_s <= RETRY_TIME_S_MAX
        elapsed_s += tried.after_s + takes_s
    assert count <= targets + retries


def test_chance_spreads_a_wait_over_half_of_it() -> None:
    for draw, expected in ((0.0, 0.125), (0.5, 0.1875), (math.nextafter(1, 0), 0.25)):
        tries = attempts((target("a"),), retries=1)
        next(tries)
        assert tries.send(Happened(OVERLOADED, 0.0, draw)).after_s == pytest.approx(expected)
