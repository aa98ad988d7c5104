"""Usage, requests, statements and receipts over the admin API."""

import csv
import io

import httpx

from tests.e2e.admin.conftest import Admin
from tests.e2e.store.full_books import FullBooks
from tollway.ids import ACCOUNT, render_id
from tollway.store.store import Store


async def used(admin: Admin) -> tuple[FullBooks, str]:
    """Let everything happen once."""
    store = admin.desk.statements._store
    assert isinstance(store, Store)
    books = FullBooks(store, name="<b>Ada</b>")
    await books.use_everything()
    return books, render_id(ACCOUNT, books.account.id)


async def data(admin: Admin, path: str, **query: str) -> list[dict[str, object]]:
    reply = await admin.client.get(path, params=query)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["data"])


async def test_usage_is_divided_and_filtered_and_comes_for_a_spreadsheet(admin: Admin) -> None:
    _, account = await used(admin)
    (row,) = await data(admin, "/usage")
    assert (row["account"], row["provider"], row["model_routed"], row["requests"]) == (account, "p", "m", 4)
    by_day = await data(admin, "/usage", by="day,key", account=account, tag="t", **{"from": "2026-01-01"})
    assert sum(int(str(each["requests"])) for each in by_day) == 4
    reply = await admin.client.get("/usage", params={"by": "session", "format": "csv"})
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert [line["session"] for line in csv.DictReader(io.StringIO(reply.text))] == ["s"]
    empty = await admin.client.get("/usage", params={"from": "2100-01", "format": "csv"})
    assert empty.text == "account,provider,model_routed\n"


async def test_requests_are_listed_by_what_they_carry(admin: Admin) -> None:
    _, account = await used(admin)
    assert len(await data(admin, "/requests", account=account, session="s", to="2100-01")) == 4
    (failed,) = await data(admin, "/requests", outcome="failed", end_user="u")
    shown = (await admin.client.get(f"/requests/{failed['id']}")).json()
    assert shown == failed
    assert shown["currency"] == "USD"


async def test_a_statement_comes_in_every_form(admin: Admin) -> None:
    books, account = await used(admin)
    path = f"/accounts/{account}/statement"
    document = (await admin.client.get(path)).json()
    assert document["closing"] == (await admin.client.get(f"/accounts/{account}/balance")).json()["balance"]
    lines = list(csv.DictReader(io.StringIO((await admin.client.get(path, params={"format": "csv"})).text)))
    assert lines[-1]["balance"] == document["closing"]
    page = await admin.client.get(path, params={"format": "html", "from": "2026-01"})
    check_page(page)
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page.text
    transfers = document["transfers"]
    order = next(each["reference"] for each in transfers if each["kind"] == "topup")
    receipt = (await admin.client.get(f"/receipts/{order}")).json()
    assert (receipt["receipt"], receipt["account"]["id"]) == (order, render_id(ACCOUNT, books.account.id))
    assert receipt["net_amount"] == (await admin.client.get(f"/orders/{order}/receipt")).json()["net_amount"]
    check_page(await admin.client.get(f"/receipts/{order}", params={"format": "html"}))


def check_page(page: httpx.Response) -> None:
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.text.startswith("<!doctype html>")


async def test_what_cannot_be_reported_is_refused_by_name(admin: Admin) -> None:
    account = await admin.account()
    for path, query, status in (
        ("/usage", {"by": "colour"}, 400),
        ("/usage", {"from": "soon"}, 400),
        ("/usage", {"format": "xml"}, 400),
        ("/requests", {"outcome": "lost"}, 400),
        (f"/accounts/{account}/statement", {"from": "2026-02", "to": "2026-01"}, 400),
        ("/accounts/acct_0000000000000001/statement", {}, 404),
        ("/receipts/txn_0000000000000001", {}, 404),
        ("/receipts/acct_0000000000000001", {}, 400),
    ):
        assert (await admin.client.get(path, params=query)).status_code == status, path
