"""What people see of the books."""

import msgspec

from tollway.access.key_view import AdminKeyView
from tollway.billing.views import view_admin_key, view_report, view_request, view_time
from tollway.ledger.lines import BILLED_REASON, Attribution, ExchangeLine, Hold, Outcome
from tollway.ledger.records import LedgerReport
from tollway.ledger.requests import CapCount, RequestFacts
from tollway.neutral.usage import Basis, Usage

LINE = ExchangeLine(
    exchange_id=1,
    account_id=2,
    key_id=3,
    worker_id=4,
    outcome=Outcome.COMPLETED,
    status=200,
    started_ms=0,
    ended_ms=1500,
    first_byte_ms=20,
    streamed=True,
    lane="verbatim",
    model_asked="fast",
    provider="acme",
    model_routed="acme-1",
    usage=Usage(input=7, output=0),
    basis=Basis.REPORTED,
    card_id=5,
    fee_ppm=200_000,
    hold_nanos=100,
    base_nanos=10,
    fee_nanos=2,
    written_off_nanos=1,
)


def test_a_finished_request_shows_its_cost_to_the_last_nano_unit_and_how_it_was_charged() -> None:
    view = view_request(LINE)
    assert (view["id"], view["account"], view["key"]) == (
        "req_" + "1".zfill(16),
        "acct_" + "2".zfill(16),
        "key_" + "3".zfill(16),
    )
    assert (view["base_cost"], view["platform_fee"]) == ("0.00000001", "0.000000002")
    assert (view["written_off"], view["total_cost"]) == ("0.000000001", "0.000000011")
    assert (view["ended"], view["price_card"]) == ("1970-01-01T00:00:01.500Z", "card_" + "5".zfill(16))
    assert view["billed_reason"] == BILLED_REASON[Outcome.COMPLETED]


def test_a_count_that_was_not_reported_is_not_zero() -> None:
    usage = view_request(LINE)["usage"]
    assert isinstance(usage, dict)
    assert (usage["input"], usage["output"], usage["reasoning"]) == (7, 0, None)


def test_a_running_request_shows_what_is_set_aside() -> None:
    hold = Hold(
        exchange_id=1,
        account_id=2,
        payer_id=2,
        key_id=3,
        worker_id=4,
        amount_nanos=5_000_000_000,
        model_asked="fast",
        started_ms=0,
        expires_ms=9,
    )
    view = view_request(hold)
    assert (view["outcome"], view["hold"]) == ("running", "5.00")


def test_a_running_request_of_a_package_of_tokens_shows_tokens() -> None:
    hold = Hold(
        exchange_id=1,
        account_id=2,
        payer_id=9,
        key_id=3,
        worker_id=4,
        amount_nanos=1_500_000,
        model_asked="fast",
        started_ms=0,
        expires_ms=9,
    )
    facts = RequestFacts(currencies={2: "CNY"}, token_packages=frozenset({9}))
    view = view_request(hold, facts)
    assert (view["hold"], view["hold_unit"]) == ("1.50", "tokens")
    assert (view["package"], view["currency"]) == ("pkg_" + "9".zfill(16), "CNY")


def test_a_request_shows_all_that_its_charge_was_made_of() -> None:
    line = msgspec.structs.replace(
        LINE,
        attribution=Attribution(sub_account_id=6, tag="t", end_user="u", session="s"),
        package_id=9,
        package_micros=1_000_000,
        ratio_ppm=500_000,
        caps=(7, 8),
        price_ppm=900_000,
        rate_nanos=7_100_000_000,
        provider_cost_nanos=5,
    )
    count = CapCount(cap_id=10, subject="u", start_ms=0, end_ms=1000)
    view = view_request(line, RequestFacts(currencies={2: "USD"}, caps={7: count}))
    assert (view["sub_account"], view["tag"], view["end_user"], view["session"]) == (
        "sa_" + "6".zfill(16),
        "t",
        "u",
        "s",
    )
    assert (view["package"], view["package_tokens"], view["package_ratio"]) == ("pkg_" + "9".zfill(16), "1", "50%")
    assert (view["price_share"], view["rate"], view["fee_rate"]) == ("90%", "7.10", "20%")
    assert (view["provider_cost"], view["currency"]) == ("0.000000005", "USD")
    assert (view["hold"], view["hold_unit"]) == ("0.0001", "tokens")
    assert view["caps"] == [
        {
            "id": "cap_" + "a".zfill(16),
            "subject": "u",
            "from": "1970-01-01T00:00:00.000Z",
            "until": "1970-01-01T00:00:01.000Z",
            "counter": "7".zfill(16),
        },
        {"counter": "8".zfill(16)},
    ]


def test_reports_and_admin_keys_are_shown() -> None:
    assert view_report(LedgerReport(problems=("p",), counts={"holds": 1}))["clean"] is False
    assert view_admin_key(AdminKeyView(id=1, name="n", created_ms=0))["revoked"] is None
    assert view_time(None) is None
