"""The gateways that the services' snippets are run against: one for each brand, and one that has them all by `Host`."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.gateway.bookkeeper import Bookkeeper
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.services.scripted import Scripted
from tests.e2e.services.seeds import BRANDS, Brand
from tollway.desks import open_books
from tollway.settings import SecretUse
from tollway.settings.load import load_settings

CANARY = "sk-canary-5566778899aabbcc"
"""The key that the providers are asked with."""

MODELS = {
    "qwen/qwen3-235b-a22b-instruct-2507-fp8": "openai",
    "qwen/qwen3-32b-fp8": "openai",
    "YOUR_MODEL_ID": "openai",
    "gpt-4o": "openai",
    "moonshot/kimi-k2.6": "openai",
    "claude-sonnet-4-20250514": "anthropic",
}
"""The models that the pages print, and who serves each."""

PRICE = '{ input = "1", cached_input = "0.5", output = "2" }'

ALONE, TOGETHER = "alone", "together"
"""A deployment for each brand; one for all of them."""


def settings(port: int, brands: str) -> str:
    """Return the settings of a deployment with some brands' tables."""
    server = f"http://127.0.0.1:{port}"
    models = "".join(
        f"""
[[models]]
id = "{model}"
targets = [{{ provider = "{provider}", model = "{model}" }}]
price = {PRICE}
output_tokens_max = 1000
context_tokens = 10000
"""
        for model, provider in MODELS.items()
    )
    return f"""
[server]
port = 0
{brands}
[[providers]]
name = "openai"
preset = "openai-compatible"
base_url = "{server}/v1"
api_key = "env:TEST_PROVIDER_KEY"
[[providers]]
name = "anthropic"
preset = "anthropic-compatible"
base_url = "{server}"
api_key = "env:TEST_PROVIDER_KEY"
{models}"""


def brand_alone(brand: Brand) -> str:
    """Return the tables of a deployment of one brand."""
    rates = '{ USD = "7" }' if brand.currency == "CNY" else '{ CNY = "0.14" }'
    return f'[billing]\nrates = {rates}\n[brand]\npreset = "{brand.name}"\n'


def brands_together(brands: Iterable[Brand]) -> str:
    """Return the tables of a deployment that has several, each under a name of its own."""
    others = "".join(f'[[brands]]\npreset = "{brand.name}"\nhosts = ["{brand.host}"]\n' for brand in brands)
    return f'[billing]\nrates = {{ CNY = "0.14" }}\n{others}'


def start(folder: Path, provider: Scripted, brands: str) -> Deployment:
    """Start a deployment."""
    return Deployment(folder, settings(provider.port, brands)).start({"TEST_PROVIDER_KEY": CANARY})


class Operator(Bookkeeper):
    """An operator at the admin API, let in with a key that is made in the books: a command would take most of a second."""

    def __init__(self, tollway: Deployment) -> None:
        self.tollway = tollway
        with open_books(load_settings(tollway.config, secrets=SecretUse.LEAVE)) as desk:
            _, self.secret = desk.admin_keys.create("test")
        self._client = tollway.client(self.secret)
        self.anyone = tollway.client()
        """Who asks with whatever headers a test gives: to make a client takes longer than to ask."""

    def leave(self) -> None:
        """Assert that the ledger proves itself, and stop the deployment."""
        try:
            assert self.call("GET", "/ledger/check")["problems"] == []
        finally:
            self.tollway.stop()


class Served:
    """One brand as its users reach it."""

    def __init__(self, brand: Brand, operator: Operator, *, kind: str) -> None:
        self.brand = brand
        self.operator = operator
        self.kind = kind
        direct = operator.tollway.url
        self.url = direct if kind == ALONE else f"http://{brand.host}:{direct.rpartition(':')[2]}"
        self.direct = direct
        """The same place by its address."""
        self.host = self.url.removeprefix("http://")

    def account(self, credit: str = "100") -> str:
        """Make an account of the brand; return its id."""
        more: dict[str, object] = {} if self.kind == ALONE else {"brand": self.brand.name}
        return self.operator.account(credit, **more)

    def key(self, account: str, **more: object) -> dict[str, Any]:
        """Make a key; return it with its text."""
        return self.operator.key(account, **more)

    def ask(self, method: str, path: str, key: str = "", **more: Any) -> httpx.Response:
        """Ask at the brand's host, with a key or without one."""
        headers = {"host": self.host, **more.pop("headers", {})}
        if key:
            headers["authorization"] = f"Bearer {key}"
        return self.operator.anyone.request(method, path, headers=headers, **more)

    def exchanges(self, key_id: str) -> list[dict[str, Any]]:
        """Return what was asked with a key, the oldest first."""
        return self.operator.call("GET", f"/requests?key={key_id}")["data"][::-1]


Serve = Callable[[Brand], Served]


class Grounds:
    """The deployments, each started when it is first wanted."""

    def __init__(self, make_folder: Callable[[str], Path], provider: Scripted) -> None:
        self.operators: dict[str, Operator] = {}
        self._make_folder = make_folder
        self._provider = provider

    def served(self, brand: Brand, kind: str) -> Served:
        """Return a brand as one kind of deployment serves it."""
        name = brand.name if kind == ALONE else TOGETHER
        if name not in self.operators:
            tables = brand_alone(brand) if kind == ALONE else brands_together(BRANDS.values())
            self.operators[name] = Operator(start(self._make_folder(name), self._provider, tables))
        return Served(brand, self.operators[name], kind=kind)
