"""Costs and providers' bills over the admin API, on a real store."""

from pathlib import Path
from typing import Any

import httpx

from tests.e2e.admin.conftest import Admin, error_of
from tests.e2e.recorded_lines import line_at, write_lines
from tollway.billing.bill_files import BILL_BYTES_MAX, MISTAKES_MAX, parse_day
from tollway.http.admin.gate import BODY_BYTES_MAX
from tollway.neutral.usage import Usage

NOON = parse_day("2026-03-01") + 43_200_000
BILL = {"name": "p-2026-03", "provider": "p"}
CSV = b"date,model,amount\n2026-03-01,m,1.50\n"


async def bring(admin: Admin, content: bytes = CSV, **told: str) -> httpx.Response:
    return await admin.client.post("/bills", params=BILL | told, content=content, headers={"content-type": "text/csv"})


async def test_costs_that_providers_reported_are_listed(admin: Admin, tmp_path: Path) -> None:
    usage = Usage(input=1)
    write_lines(
        f"sqlite:///{tmp_path / 'tollway.db'}", [line_at(NOON, usage=usage, card_id=None, provider_cost_nanos=7)]
    )
    days = {"from": "2026-03-01", "to": "2026-03-31"}
    (row,) = (await admin.client.get("/costs", params=days)).json()["data"]
    assert (row["day"], row["ours"], row["theirs_usd"]) == ("2026-03-01", None, "0.000000007")
    assert (await admin.client.get("/costs", params=days | {"provider": "q"})).json()["data"] == []
    assert (await admin.client.get("/costs")).status_code == 200
    wrong = await admin.client.get("/costs", params={"from": "soon"})
    assert (wrong.status_code, error_of(wrong)["code"]) == (400, "invalid_request")


async def test_a_bill_is_imported_shown_compared_and_removed(admin: Admin) -> None:
    made = await bring(admin)
    assert (made.status_code, made.json()["amount"]) == (201, "1.50")
    assert (await admin.client.get("/bills")).json()["data"] == [made.json()]
    assert (await admin.client.get("/bills/p-2026-03")).json() == made.json()
    compared = (await admin.client.get("/bills/p-2026-03/comparison")).json()
    assert compared["bill"] == made.json()
    assert [(row["only"], row["difference"]) for row in compared["rows"]] == [("bill", "1.50")]
    assert (await admin.client.delete("/bills/p-2026-03")).json() == made.json()
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/comparison")):
        gone = await admin.client.request(method, f"/bills/p-2026-03{path}")
        assert (gone.status_code, error_of(gone)["code"]) == (404, "not_found")


async def test_columns_currency_and_rounding_are_told_in_the_address(admin: Admin) -> None:
    content = b"Day,SKU,Cost,Tokens\n2026-03-01,m,0.1234567891,12\n"
    columns = {"day_column": "Day", "model_column": "SKU", "amount_column": "Cost", "tokens_column": "Tokens"}
    made = await bring(admin, content, currency="CNY", rounding="nearest", **columns)
    assert made.status_code == 201, made.text
    assert [made.json()[name] for name in ("amount", "currency", "tokens")] == ["0.123456789", "CNY", 12]


async def test_the_same_bill_again_is_200_and_another_by_its_name_refused(admin: Admin) -> None:
    made = await bring(admin)
    again = await bring(admin)
    assert (again.status_code, again.json()) == (200, made.json())
    other = await bring(admin, CSV + b"2026-03-02,m,1\n")
    assert (other.status_code, error_of(other)["code"]) == (400, "invalid_request")
    assert (await admin.client.get("/bills")).json()["data"] == [made.json()]


async def test_every_line_at_fault_is_named_and_nothing_is_kept(admin: Admin) -> None:
    refused = await bring(admin, CSV + b"2026-03-01,m,inf\nsoon,m,1\n" + b"x,m,1\n" * MISTAKES_MAX)
    message = error_of(refused)["message"]
    assert refused.status_code == 400
    assert message.startswith("line 3: 'inf' is not a decimal amount such as 5.00; line 4: 'soon' is not a day")
    assert message.endswith("; and 2 more")
    assert (await admin.client.get("/bills")).json()["data"] == []


async def test_what_is_told_wrongly_is_refused(admin: Admin) -> None:
    wrong: list[dict[str, Any]] = [
        {"name": "a b"},
        {"provider": ""},
        {"currency": "EUR"},
        {"rounding": "up"},
        {"x": "y"},
    ]
    for told in wrong:
        refused = await bring(admin, **told)
        assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_request"), told
    assert (await admin.client.post("/bills", content=CSV)).status_code == 400


async def test_a_bill_may_be_larger_than_other_bodies_but_not_without_limit(admin: Admin) -> None:
    made = await bring(admin, CSV + b"\n" * BODY_BYTES_MAX)
    assert made.status_code == 201
    refused = await bring(admin, CSV + b"\n" * BILL_BYTES_MAX)
    assert (refused.status_code, error_of(refused)["code"]) == (413, "request_too_large")
    other = await admin.client.post("/accounts", content=b" " * (BODY_BYTES_MAX + 1))
    assert (other.status_code, error_of(other)["code"]) == (413, "request_too_large")


async def test_a_bill_that_is_sent_again_under_an_idempotency_key_is_answered_the_same(admin: Admin) -> None:
    headers = {"idempotency-key": "import-1", "content-type": "text/csv"}
    first = await admin.client.post("/bills", params=BILL, content=CSV, headers=headers)
    again = await admin.client.post("/bills", params=BILL, content=CSV, headers=headers)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["x-idempotent-replay"] == "true"


async def test_the_description_of_the_api_says_that_a_bill_is_csv(admin: Admin) -> None:
    described = (await admin.client.get("/openapi.json")).json()["paths"]["/admin/v1/bills"]["post"]
    assert list(described["requestBody"]["content"]) == ["text/csv"]
    assert {"name", "provider", "rounding"} <= {parameter["name"] for parameter in described["parameters"]}


async def test_a_stranger_sends_no_bill(admin: Admin) -> None:
    refused = await admin.stranger.post("/admin/v1/bills", params=BILL, content=CSV)
    assert refused.status_code == 401
