"""Keys on PostgreSQL, while people read reports: requests wait for nobody who reads for seconds."""

from contextlib import ExitStack

import pytest

from tollway.store.postgres.connections import POOL_CONNECTIONS
from tollway.store.store import Store

UNKNOWN = bytes(32)


@pytest.mark.asyncio
async def test_a_key_is_read_while_every_other_connection_is_busy(postgres_url: str) -> None:
    store = Store.open(postgres_url)
    directory = store.key_directory()
    with ExitStack() as reports:
        for _ in range(POOL_CONNECTIONS):
            reports.enter_context(store._reading())
        assert await directory.look_up(UNKNOWN) is None
    store.close()
