"""The admin API on a real store, over ASGI, with a client that has a key and one that has none."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tollway import clock
from tollway.catalog.loader import deploy
from tollway.desks import open_desk
from tollway.dialects.error_body import render_error
from tollway.http.admin.api import build_admin
from tollway.http.admin.parts import AdminParts
from tollway.id_source import IdSource
from tollway.relay.stored_answers import StoredAnswers
from tollway.settings import BrandSettings, LocalModelSettings, Settings, StoreSettings
from tollway.store.store import Store

NOBODY = "acct_0000000000000001"


class Admin:
    """The API, a client with a valid key, and one without."""

    def __init__(self, store: Store, url: str) -> None:
        deployment = deploy(
            Settings(
                store=StoreSettings(url=url),
                local_model=LocalModelSettings(enabled=True),
                brands=(
                    BrandSettings(preset="gogpu", hosts=("g.example",)),
                    BrandSettings(preset="aigateway", hosts=("a.example",)),
                ),
            )
        )
        self.desk = open_desk(store, deployment.settings)
        self.commits = store.group_commit(store.register_worker(clock.now_ms()))
        self.commits.start()
        self.parts = AdminParts(
            desk=self.desk,
            catalog=deployment.catalog,
            currency="USD",
            brands=deployment.brands,
            render_error=render_error,
            next_id=IdSource(worker=0).next,
            answers=StoredAnswers(self.commits),
        )
        self.key_view, self.secret = self.desk.admin_keys.create("test")
        transport = httpx.ASGITransport(app=build_admin(self.parts))
        self.stranger = httpx.AsyncClient(transport=transport, base_url="http://tollway")
        headers = {"authorization": f"Bearer {self.secret}"}
        self.client = httpx.AsyncClient(transport=transport, base_url="http://tollway/admin/v1", headers=headers)

    async def account(self, credit: str = "5.00") -> str:
        made = await self.client.post("/accounts", json={"name": "A", "credit": credit})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    url = f"sqlite:///{tmp_path / 'tollway.db'}"
    store = Store.open(url, durability="normal")
    admin = Admin(store, url)
    yield admin
    await admin.client.aclose()
    await admin.stranger.aclose()
    await admin.commits.stop()
    store.close()


def error_of(reply: httpx.Response) -> dict[str, Any]:
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "code", "param", "metadata"}
    return dict(error)
