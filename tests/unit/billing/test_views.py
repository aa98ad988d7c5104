"""What people see of the books."""

from tollway.access.key_view import AdminKeyView
from tollway.billing.views import view_admin_key, view_report, view_request, view_time, view_usage
from tollway.ledger.lines import BILLED_REASON, ExchangeLine, Hold, Outcome
from tollway.ledger.records import LedgerReport, UsageRow
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


def test_usage_reports_and_admin_keys_are_shown() -> None:
    row = UsageRow(
        account_id=2,
        provider="acme",
        model_routed="acme-1",
        requests=3,
        input_tokens=4,
        output_tokens=5,
        base_nanos=10,
        fee_nanos=2,
        written_off_nanos=1,
    )
    assert view_usage(row)["total_cost"] == "0.000000011"
    assert view_report(LedgerReport(problems=("p",), counts={"holds": 1}))["clean"] is False
    assert view_admin_key(AdminKeyView(id=1, name="n", created_ms=0))["revoked"] is None
    assert view_time(None) is None
