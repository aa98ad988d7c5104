"""Tollway as it is measured: everything on, an account with money, one worker; made and checked by its own commands."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from failure import BenchError
from payloads import FEE, PRICE_INPUT, PRICE_OUTPUT, Ask
from servers import Launch, Server, start

CREDIT = "1000000"

CONFIG = """
[server]
host = "127.0.0.1"
port = {port}
workers = 1

[store]
url = "sqlite:///{database}"
durability = "{durability}"

[billing]
currency = "USD"
platform_fee = "{fee}"
"""

PROVIDER = """
[[providers]]
name = "{provider}"
preset = "openai-compatible"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "env:BENCH_PROVIDER_KEY"

[[models]]
id = "{model}"
targets = [{{ provider = "{provider}", model = "{model}" }}]
price = {{ input = "{price_input}", output = "{price_output}" }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A configured Tollway with one account in credit."""

    config: Path
    database: Path
    port: int
    account: str
    key: str


def environment() -> dict[str, str]:
    """Return what a command needs beside the configuration."""
    return {"BENCH_PROVIDER_KEY": "sk-bench-provider"}


def deploy(upstream_ports: Mapping[Ask, int], *, port: int, durability: str, scratch: Path) -> Deployment:
    """Write the configuration, make the store, an account with plenty of money and a key."""
    database, config = scratch / "tollway.db", scratch / "tollway.toml"
    text = CONFIG.format(port=port, database=database, durability=durability, fee=FEE)
    for ask, upstream_port in upstream_ports.items():
        text += PROVIDER.format(
            provider=f"{ask.model}-provider",
            model=ask.model,
            port=upstream_port,
            price_input=PRICE_INPUT,
            price_output=PRICE_OUTPUT,
        )
    config.write_text(text)
    command(config, "migrate")
    account = command(config, "account", "create", "--name", "bench", "--credit", CREDIT)["id"]
    key = command(config, "key", "create", "--account", account, "--name", "bench")["key"]
    return Deployment(config=config, database=database, port=port, account=account, key=key)


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
            name="tollway",
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
