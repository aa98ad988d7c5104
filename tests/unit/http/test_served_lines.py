"""The header lines that say who answered and what it cost."""

import timeit

import msgspec
import pytest

from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.record import CostFields
from tollway.errors import Refusal
from tollway.http.replies import TEMPLATES_MAX, ReplyHeads
from tollway.settings.brand import read_brand


def heads(brand: str = "aigateway") -> ReplyHeads:
    return ReplyHeads(read_brand(brand), render_error=OPENAI_CHAT.render_error)


def cost(nanos: int, currency: str = "USD") -> CostFields:
    return CostFields(base_nanos=nanos, fee_nanos=0, total_nanos=nanos, currency=currency)


@pytest.mark.parametrize(
    ("nanos", "cents"),
    [(0, "0"), (1, "0.000001"), (10, "0.000001"), (11, "0.000002"), (10_000_000, "1"), (123_456_789, "12.345679")],
)
def test_cents_have_six_decimals_at_most_and_are_rounded_up(nanos: int, cents: str) -> None:
    assert heads().cost_cents(cost(nanos)) == f"x-cost-cents: {cents}\r\n".encode()


def test_cents_are_told_by_brands_that_have_a_header_for_them_and_of_dollars_alone() -> None:
    assert heads("tollway").cost_cents(cost(10)) == b""
    assert heads().cost_cents(cost(10, "CNY")) == b""


def test_names_that_clients_chose_break_no_header() -> None:
    lines = heads().served("p", "ä\r\nx: y", 1)
    assert lines.startswith(b"x-aig-served-by: p/\\xe4\\r\\nx: y\r\nx-aig-provider: p\r\n")
    assert heads().chosen("m\n", "why") == (
        b"x-auto-routed: true\r\nx-routing-selected: m\\n\r\nx-routing-reason: why\r\n"
    )


def test_lines_are_remembered_within_a_bound() -> None:
    kept = heads()
    for number in range(TEMPLATES_MAX + 5):
        assert kept.served("p", f"m{number}", 1).startswith(b"x-aig-served-by: p/m%d\r\n" % number)
    assert len(kept._served) <= TEMPLATES_MAX
    assert min(timeit.repeat(lambda: kept.served("p", "m1", 1), number=1000, repeat=5)) < 0.002


def test_an_error_after_an_attempt_says_whose_it_was() -> None:
    refusal = Refusal("upstream_unavailable", "No.")
    head, _ = heads().refusal(refusal, request_id="req_1")
    assert b"x-aig-attempts" not in head
    refusal.attempted = ("p", 3)
    head, _ = heads().refusal(refusal, request_id="req_1")
    assert head.endswith(b"x-aig-provider: p\r\nx-aig-attempts: 3\r\n")
    brand = msgspec.structs.replace(read_brand("ingate"), header_prefix="x-own")
    head, _ = ReplyHeads(brand, render_error=OPENAI_CHAT.render_error).refusal(refusal, request_id="req_1")
    assert b"x-own-provider: p\r\n" in head


def test_a_provider_may_call_its_stream_whatever_it_likes_however_often() -> None:
    ours = heads()
    for number in range(1000):
        kind = f'application/x-thing; n="{number} %d %"'
        assert f"content-type: {kind}\r\n".encode("ascii") in ours.stream(kind, request_id="req_1")
        assert ours.whole(200, kind, request_id="req_1", length=1).count(kind.encode("ascii")) == 1
