"""Refused requests on each kind of database: kept in bounds, found by their id by their account only, and not for ever."""

import pytest

from tests.e2e.store.conftest import Desk
from tollway import clock
from tollway.billing.accounts import Accounts
from tollway.billing.refusals import AT_ONCE, KEPT_MS, MESSAGE_CHARS_MAX, OF_ONE_KEY, Refusals
from tollway.billing.request_log import RequestLog, view_refused
from tollway.errors import NotThere
from tollway.ids import EPOCH_MS, SHIFT, begun_ms
from tollway.ledger.records import Account
from tollway.ledger.requests import RefusedRequest
from tollway.store.store import Store


@pytest.fixture
def refusals(store: Store) -> Refusals:
    return Refusals(store)


def refused(number: int, account: Account, **other: object) -> RefusedRequest:
    fields: dict[str, object] = {
        "exchange_id": number,
        "account_id": account.id,
        "key_id": 1,
        "status": 404,
        "code": "model_not_found",
        "message": "There is no model 'x'.",
        "path": "/v1/chat/completions",
    }
    return RefusedRequest(**fields | other)  # pyright: ignore[reportArgumentType]


def test_a_refused_request_is_found_by_its_id_by_its_account_only(
    store: Store, refusals: Refusals, accounts: Accounts, account: Account
) -> None:
    log, eve = RequestLog(store), accounts.create("Eve")
    number = store.ids().next()
    refusals.note(refused(number, account, sub_account_id=5))
    refusals.keep(refusals.take())
    assert refusals.take() == []
    found = log.look_up(account.id, number)
    assert found == log.anybodys(number) == refused(number, account, sub_account_id=5)
    view = view_refused(refused(number, account, sub_account_id=5))
    assert (view["outcome"], view["status"], view["sub_account"]) == ("refused", 404, "sa_0000000000000005")
    assert begun_ms(number) <= clock.now_ms()
    for asked in ((eve.id, number), (account.id, 7)):
        with pytest.raises(NotThere):
            log.look_up(*asked)


async def test_a_request_that_failed_after_it_was_admitted_has_its_line_and_no_more(
    store: Store, refusals: Refusals, desk: Desk, account: Account
) -> None:
    line = await desk.close(await desk.held(account, 10), 0)
    other, later = store.ids().next(), await desk.held(account, 10)
    refusals.keep([refused(line.exchange_id, account), refused(other, account)])
    assert (store.refusal(line.exchange_id), RequestLog(store).look_up(account.id, line.exchange_id)) == (None, line)
    assert store.refusal(other) is not None
    # A line that is written a moment later than the refusal comes first all the same.
    refusals.keep([refused(later.exchange_id, account)])
    assert await desk.close(later, 0) == RequestLog(store).anybodys(later.exchange_id)
    refusals.keep([refused(line.exchange_id, account)])


def test_however_hard_somebody_tries_little_is_kept_and_nothing_of_what_was_asked(
    refusals: Refusals, account: Account
) -> None:
    for number in range(1, 10_000):
        refusals.note(refused(number, account, key_id=number % 7))
    assert [each.exchange_id for each in refusals.take()] == list(range(1, 7 * OF_ONE_KEY + 1))
    for number in range(1, 1000):
        refusals.note(refused(number, account, key_id=number))
    assert len(refusals.take()) == AT_ONCE
    refusals.note(refused(1, account, code="invalid_request", message="what they asked"))
    refusals.note(refused(2, account, message="x" * 1000))
    assert [each.message for each in refusals.take()] == [None, "x" * MESSAGE_CHARS_MAX]


def test_refused_requests_go_after_some_days(store: Store, account: Account) -> None:
    now_ms = clock.now_ms()
    old, young = (((now_ms - ago_ms - EPOCH_MS) << SHIFT) for ago_ms in (KEPT_MS + 1000, KEPT_MS - 1000))
    store.add_refusals([refused(old, account), refused(old + 1, account), refused(young, account)])
    Refusals(store, now_ms=lambda: now_ms).sweep()
    assert [store.refusal(number) is None for number in (old, old + 1, young)] == [True, True, False]
