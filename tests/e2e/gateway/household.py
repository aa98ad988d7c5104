"""A gateway whose accounts bring providers of their own: made through the use cases, on the books that it serves from."""

import asyncio
import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Script, Seen
from tests.e2e.services.scripted import Scripted
from tests.waiting import until
from tollway.access.own_providers import OwnProvider, ProviderAuth
from tollway.billing.desk import Desk
from tollway.billing.key_terms import KeyTerms
from tollway.billing.own_providers import NewProvider
from tollway.desks import open_books
from tollway.errors import CommandRefused
from tollway.ids import EXCHANGE, parse_id
from tollway.ledger.lines import ExchangeLine
from tollway.money import parse_amount, render_amount
from tollway.settings import Secret, SecretUse
from tollway.settings.load import load_settings

CHAT = "/v1/chat/completions"
OPERATORS_KEY = "sk-operators-canary-0123456789"
PRICE = 'price = { input = "1", output = "2" }'

METHOD = ":method"
"""Under which the scripted provider keeps the method of a request."""


class Anything(Scripted):
    """A provider that also answers paths of nobody: with what it was told, or with what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: dict[str, Script] = {}

    def script_for(self, seen: Seen) -> Script:
        """Return what a request sets off: by its path, else by its model."""
        path = seen.path.partition("?")[0]
        if path in self.paths:
            return self.paths[path]
        return super().script_for(seen) if path.endswith(("/chat/completions", "/messages")) else echo

    async def _read(self, reader: asyncio.StreamReader) -> Seen:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Seen(path, headers | {METHOD: method}, body)


async def echo(seen: Seen, to: Line) -> None:
    """Say what was asked."""
    await to.whole(json.dumps({"method": seen.headers[METHOD], "path": seen.path, "length": len(seen.raw)}).encode())


def settings_for(provider_port: int, *, server: str = "", billing: str = "", more: str = "") -> str:
    """Return a settings file with one provider `p` that serves `m`, and with what the tests add."""
    return textwrap.dedent(
        f"""
        [server]
        port = 0
        {server}
        [billing]
        {billing}
        [[providers]]
        name = "p"
        preset = "openai-compatible"
        base_url = "http://127.0.0.1:{provider_port}/v1"
        api_key = "env:OPERATORS_KEY"
        calls = [{{ method = "GET", path = "/v1/things/*", price = "0.01" }}]
        [[models]]
        id = "m"
        targets = [{{ provider = "p", model = "m" }}]
        {PRICE}
        """
    ) + textwrap.dedent(more)


class Household:
    """A deployment and its books."""

    def __init__(self, folder: Path, settings: str) -> None:
        self.deployment = Deployment(folder, settings).start(env={"OPERATORS_KEY": OPERATORS_KEY})
        self.clients: list[httpx.Client] = []

    def stop(self) -> None:
        """Stop it."""
        for client in self.clients:
            client.close()
        self.deployment.stop()

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Open the books beside the gateway, as a command does."""
        with open_books(load_settings(self.deployment.config, secrets=SecretUse.LEAVE)) as desk:
            yield desk

    def account(self, credit: str = "5.00") -> int:
        """Make an account."""
        with self.desk() as desk:
            return desk.accounts.create("test", "USD", parse_amount(credit)).id

    def key(self, account: int, terms: KeyTerms = KeyTerms()) -> str:  # noqa: B008  it is a value
        """Make a key; return its text."""
        with self.desk() as desk:
            return desk.keys.create(account, "test", terms)[1]

    def bring(self, account: int, name: str, provider: Anything, key: str | None = None, **more: Any) -> OwnProvider:
        """Let an account bring a provider: with a key, or for clients' keys where there is none."""
        fields: dict[str, Any] = {"preset": "openai-compatible", "base_url": f"http://127.0.0.1:{provider.port}/v1"}
        if key is None:
            fields["auth"] = ProviderAuth.PASSTHROUGH
        new = NewProvider(name=name, key=None if key is None else Secret(key), **fields | more)
        with self.desk() as desk:
            return desk.own_providers.create(account, new)

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        """Return a client with a key, and further headers, whose underscores are dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            named["authorization"] = f"Bearer {key}"
        client = httpx.Client(base_url=self.deployment.url, headers=named, timeout=30)
        self.clients.append(client)
        return client

    def balance(self, account: int) -> str:
        """Return what an account has."""
        with self.desk() as desk:
            return render_amount(desk.accounts.balance(account).balance_nanos)

    def line(self, reply: httpx.Response) -> ExchangeLine:
        """Return the line of a request, found by the id on its reply; of one that is free it may come behind the reply."""
        exchange_id = parse_id(EXCHANGE, reply.headers["x-request-id"])
        lines: list[ExchangeLine] = []

        def is_written() -> bool:
            with suppress(CommandRefused):
                found = desk.statements.request(exchange_id)
                lines.extend([found] if isinstance(found, ExchangeLine) else [])
            return bool(lines)

        with self.desk() as desk:
            until(is_written)
        return lines[0]

    def check(self) -> None:
        """Assert that the ledger proves itself."""
        with self.desk() as desk:
            assert desk.statements.ledger_check().problems == ()

    def told(self) -> str:
        """Return everything that was written: the log, and each file of the store."""
        files = [path for path in self.deployment.folder.rglob("*") if path.is_file() and path.name != "encryption.key"]
        return "".join(path.read_bytes().decode("latin-1") for path in files)


def asking(model: str, **more: Any) -> dict[str, Any]:
    """Return the body of a chat request."""
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 100, **more}
