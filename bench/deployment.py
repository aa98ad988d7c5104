"""Tollway as it is measured: everything on, an account with money; made and checked by its own commands."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from failure import BenchError
from fill_store import key_text, pays_as_it_goes
from payloads import CHAT, FEE, GEMINI, MESSAGES, OLLAMA, PRICE_INPUT, PRICE_OUTPUT, Ask
from servers import Launch, Server, start
from settings import Filling, Setting

CREDIT = "1000000"

CONFIG = """
[server]
host = "127.0.0.1"
port = {port}
workers = {workers}

[store]
url = "{url}"
durability = "{durability}"

[billing]
currency = "USD"
platform_fee = "{fee}"
"""

PROVIDER = """
[[providers]]
name = "{provider}"
{speaks}
base_url = "{scheme}://127.0.0.1:{port}{below}"
api_key = "env:BENCH_PROVIDER_KEY"
{trust}

[[models]]
id = "{model}"
targets = [{{ provider = "{provider}", model = "{model}" }}]
price = {{ input = "{price_input}", output = "{price_output}" }}
"""

SPEAKS = {
    CHAT: ('preset = "openai-compatible"', "/v1"),
    MESSAGES: ('preset = "anthropic-compatible"', ""),
    GEMINI: ('preset = "gemini-compatible"', ""),
    OLLAMA: ('preset = "ollama"\ndialects = ["ollama_chat"]', ""),
}
"""How a provider of each dialect is set, and what its address ends with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A configured Tollway with an account in credit, or many."""

    config: Path
    url: str
    """Of the store."""
    port: int
    account: str | None
    """None for a store that came with its accounts."""
    keys: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a deployment is made from."""

    name: str
    """Of its files; each deployment has its own."""
    upstream_ports: Mapping[Ask, int]
    port: int
    url: str
    scratch: Path
    trusted: Path
    """The authority of the provider's certificate."""


def environment() -> dict[str, str]:
    """Return what a command needs beside the configuration."""
    return {"BENCH_PROVIDER_KEY": "sk-bench-provider"}


def configuration(site: Site, setting: Setting) -> str:
    """Return the settings file: one provider and one model for each kind of request."""
    text = CONFIG.format(port=site.port, url=site.url, durability=setting.durability, fee=FEE, workers=setting.workers)
    for ask, upstream_port in site.upstream_ports.items():
        speaks, below = SPEAKS[ask.provider]
        text += PROVIDER.format(
            provider=f"{ask.model}-provider",
            speaks=speaks,
            scheme=ask.scheme,
            port=upstream_port,
            below=below,
            trust=f'ca_file = "{site.trusted}"' if ask.scheme == "https" else "",
            model=ask.model,
            price_input=PRICE_INPUT,
            price_output=PRICE_OUTPUT,
        )
    return text


def deploy(site: Site, setting: Setting) -> Deployment:
    """Write the configuration, make the store, an account with plenty of money and a key, or fill it with many."""
    config = site.scratch / f"{site.name}.toml"
    config.write_text(configuration(site, setting))
    if setting.filling is not None:
        fill(site.url, setting.filling)
        keys = [key_text(k) for k in range(setting.filling.keys) if pays_as_it_goes(k, setting.filling.accounts)]
        return Deployment(config=config, url=site.url, port=site.port, account=None, keys=keys)
    command(config, "migrate")
    account = command(config, "account", "create", "--name", "bench", "--credit", CREDIT)["id"]
    key = command(config, "key", "create", "--account", account, "--name", "bench", *setting.key_options)["key"]
    return Deployment(config=config, url=site.url, port=site.port, account=account, keys=(key,))


def fill(url: str, filling: Filling) -> None:
    """Fill a new store, in a process of its own; raises BenchError."""
    size = ("--charges", str(filling.charges), "--keys", str(filling.keys), "--accounts", str(filling.accounts))
    words = [sys.executable, str(Path(__file__).parent / "fill_store.py"), url, *size]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the store could not be filled: {done.stderr.strip()[-500:]}")


def command(config: Path, *words: str) -> Mapping[str, Any]:
    """Run a tollway command and return its JSON; raises BenchError on any other exit status than 0."""
    result = run_command(config, *words)
    if result.returncode:
        said = (result.stderr or result.stdout).strip()[-1000:]
        raise BenchError(f"`tollway {' '.join(words)}` ended with status {result.returncode}: {said}")
    return json.loads(result.stdout) if result.stdout.strip() else {}


def run_command(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a tollway command with --json and the configuration."""
    return subprocess.run(
        [sys.executable, "-m", "tollway", *words, "--json", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment()},
    )


def serve(deployment: Deployment, cores: Iterable[int], scratch: Path) -> Server:
    """Start `tollway serve` on the gateway's core and return when it says that it is ready."""
    return start(
        Launch(
            name=deployment.config.stem,
            command=[sys.executable, "-m", "tollway", "serve", "--config", str(deployment.config)],
            cores=cores,
            port=deployment.port,
            scratch=scratch,
            environment=environment(),
            ready=lambda: ready(deployment.port),
        )
    )


def ready(port: int) -> bool:
    """Say whether Tollway can write a ledger row."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def final_problems(deployment: Deployment, charged_nanos: int) -> list[str]:
    """Return what `tollway ledger check` and `tollway balance` find wrong after all runs."""
    problems: list[str] = []
    checked = run_command(deployment.config, "ledger", "check")
    if checked.returncode:
        problems.append(f"`tollway ledger check`: {(checked.stdout + checked.stderr).strip()[-500:]}")
    if deployment.account is None:
        return problems
    balance = command(deployment.config, "balance", deployment.account)
    due = nanos(CREDIT) - charged_nanos
    if nanos(balance["balance"]) != due:
        problems.append(f"the balance is {balance['balance']}; credit less all charges is {due} nano-dollars")
    if nanos(balance["held"]):
        problems.append(f"{balance['held']} is still held")
    return problems


def nanos(amount: str) -> int:
    """Return the nano-dollars of a decimal text."""
    return int(Decimal(amount).scaleb(9))
