"""Money that lies idle in many purses goes back a part at a time, and what is used meanwhile stays."""

import asyncio

import pytest

from tests.e2e.store.conftest import Desk, on_sqlite
from tollway.billing import books
from tollway.billing.accounts import Accounts


@on_sqlite
async def test_idle_purses_are_given_back_in_turns_of_the_loop(
    desk: Desk, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "IDLE_AT_ONCE", 2)
    owners = [accounts.create(name, credit_nanos=1000) for name in "ABCDE"]
    for account in owners:
        await desk.close(await desk.held(account, 10), 10)
    await desk.books.give_back_idle_in_turns()  # all were used since the last time

    turns = asyncio.create_task(desk.books.give_back_idle_in_turns())
    await asyncio.sleep(0)
    given = [account for account in owners if not desk.books.slice_of(account.id).free_nanos]  # type: ignore[union-attr]
    assert given == owners[:2]
    hold = await desk.held(owners[-1], 10)
    await turns

    assert not any(desk.books.slice_of(account.id).free_nanos for account in owners[:-1])  # type: ignore[union-attr]
    assert desk.books.slice_of(owners[-1].id).free_nanos, "it was in use again"  # type: ignore[union-attr]
    await desk.close(hold, 10)
    await desk.books.give_back_idle_in_turns()
    await desk.books.give_back_idle_in_turns()
    assert desk.books.slice_of(owners[0].id) is None
    assert desk.store.check().problems == ()
