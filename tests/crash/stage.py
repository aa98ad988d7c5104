"""What the crash harness plays on: one gateway that is started and killed, its store, its accounts and keys."""

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.crash.ask import (
    FEE,
    OUTPUT_TOKENS_MAX,
    PACKAGE_RATIO,
    PRICE_CACHED,
    PRICE_INPUT,
    PRICE_OUTPUT,
    Buyer,
    Wallet,
)
from tests.crash.clients import Place
from tollway.cli.program import run
from tollway.ids import ACCOUNT, PACKAGE, parse_id
from tollway.money import parse_amount
from tollway.office import Office

START_S = 60.0
STOP_S = 60.0
AMPLE = "1000"
SCARCE = "0.001"
"""About three requests, each of which holds a third of it."""
DAILY_CAP = "0.05"
"""About two hundred requests."""
USER_CAP = "0.02"
"""Of each end user by itself, whose purse is made by the first request that names it: about a hundred requests."""
PACKAGE_TOKENS = 100_000
"""About eight hundred requests, which take a third of what they use."""
PACKAGE_MONEY = "0.10"
PACKAGE_PRICE = "2.50"
WALLETS = [
    *[Wallet.AMPLE] * 3,
    *[Wallet.SCARCE] * 3,
    *[Wallet.CAPPED] * 2,
    *[Wallet.PACKAGE] * 2,
    Wallet.PREPAID,
]


class GatewayError(Exception):
    """The gateway did not start or stop as it should."""


class Gateway:
    """The serving processes, by their ids."""

    def __init__(self, config: Path, place: Place) -> None:
        """Take the settings, and where clients look for it."""
        self._config = config
        self._place = place
        self._process: asyncio.subprocess.Process | None = None
        self._killed = False
        self._log = self.log = config.with_name("gateway.log")
        self.start_s = 1.0
        """How long the last start took."""

    async def start(self) -> None:
        """Start it and wait until it answers; quietly stop waiting when it is killed meanwhile."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._killed = False
        with self._log.open("ab") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tollway", "serve", "--config", str(self._config), "--json"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=self._config.parent,
                env={**os.environ, "CRASH_PROVIDER_KEY": "sk-crash"},
            )
        if self._killed:  # while it was being made
            kill(process.pid)
        assert process.stdout is not None
        said = await asyncio.wait_for(process.stdout.readline(), START_S)
        if said and not self._killed:
            self._place.port = int(json.loads(said)["url"].rpartition(":")[2])
            self._place.up.set()
            self.start_s = loop.time() - began
        elif not self._killed:
            raise GatewayError(f"it did not start:\n{self.log_end()}")

    @property
    def pid(self) -> int:
        """The root of its process tree."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """Return the ids of a fleet's workers; none when one process does everything."""
        if self._process is None:
            return []
        pid = self._process.pid
        try:
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def kill_worker(self, number: int) -> bool:
        """Kill one worker of a fleet; False when it has none at the moment."""
        workers = self.workers()
        if not workers:
            return False
        self._place.kills += 1
        kill(workers[number % len(workers)])
        return True

    def kill(self) -> None:
        """Kill every process at once, as a power cut would."""
        assert self._process is not None
        self._killed = True
        self._place.kills += 1
        self._place.up.clear()
        for pid in (self._process.pid, *self.workers()):
            kill(pid)

    async def died(self) -> None:
        """Wait until the first process is gone."""
        assert self._process is not None
        await self._process.wait()

    async def stop(self) -> None:
        """Ask it to stop and wait until it has; raises GatewayError when it does not stop well."""
        process = self._process
        assert process is not None
        process.terminate()
        try:
            status = await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            raise GatewayError(f"it did not stop in {STOP_S:.0f} s:\n{self.log_end()}") from None
        if status != 0:
            raise GatewayError(f"it stopped with status {status}:\n{self.log_end()}")

    def log_end(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


def kill(pid: int) -> None:
    """Kill a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Desk:
    """The commands of `tollway` on the settings of a run, in this process: the real program without its start."""

    def __init__(self, config: Path) -> None:
        """Take the settings."""
        self._config = config
        self._products: dict[Wallet, str] = {}
        self.funded: dict[int, int] = {}
        """What was put into each account and package, by the id of its purse, in its unit."""

    def __call__(self, *words: str) -> Any:
        """Run a command and return the document it prints; raises GatewayError when it is refused."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run([*words, "--config", str(self._config), "--json"], Office())
        if status != 0:
            raise GatewayError(f"tollway {' '.join(words)}: {err.getvalue() or out.getvalue()}")
        return json.loads(out.getvalue())

    def buyers(self) -> list[Buyer]:
        """Make the accounts and keys of a run: several of each wallet."""
        offer = ("product", "create", "--price", PACKAGE_PRICE, "--models", f"m={PACKAGE_RATIO}")
        self._products = {
            Wallet.PACKAGE: self(*offer, "--name", "tokens", "--amount", str(PACKAGE_TOKENS))["id"],
            Wallet.PREPAID: self(*offer[:-2], "--name", "money", "--unit", "money", "--amount", PACKAGE_MONEY)["id"],
        }
        return [self.buyer(wallet) for wallet in WALLETS]

    def credit(self, account_id: str, amount: str) -> None:
        """Put money into an account."""
        self("credit", account_id, amount, "--reason", "crash")
        self._fund(parse_id(ACCOUNT, account_id), parse_amount(amount))

    def _fund(self, purse_id: int, amount: int) -> None:
        self.funded[purse_id] = self.funded.get(purse_id, 0) + amount

    def buyer(self, wallet: Wallet) -> Buyer:
        """Make an account and its key."""
        account = self("account", "create", "--name", wallet.value)["id"]
        self.credit(account, SCARCE if wallet is Wallet.SCARCE else AMPLE)
        words: tuple[str, ...] = ()
        if wallet is Wallet.CAPPED:
            self("cap", "set", "--account", account, "--end-user", "*", "--window", "total", "--limit", USER_CAP)
            words = ("--daily-cap", DAILY_CAP)
        elif wallet in self._products:
            package = self("package", "buy", account, self._products[wallet])["id"]
            self._fund(parse_id(ACCOUNT, account), -parse_amount(PACKAGE_PRICE))
            content = PACKAGE_TOKENS * 10**6 if wallet is Wallet.PACKAGE else parse_amount(PACKAGE_MONEY)
            self._fund(parse_id(PACKAGE, package), content)
            words = ("--billing", "package", "--package", package)
        key = self("key", "create", "--account", account, "--name", wallet.value, *words)["key"]
        return Buyer(wallet=wallet, account_id=account, key=key)


def write_settings(folder: Path, *, store_url: str, provider_port: int, workers: int) -> Path:
    """Write the settings of a run; return their path."""
    path = folder / "tollway.toml"
    price = f'{{ input = "{PRICE_INPUT}", output = "{PRICE_OUTPUT}", cached_input = "{PRICE_CACHED}" }}'
    path.write_text(
        textwrap.dedent(
            f"""
            [server]
            port = 0
            workers = {workers}
            [store]
            url = "{store_url}"
            [billing]
            platform_fee = "{FEE}"
            [[providers]]
            name = "p"
            preset = "openai-compatible"
            base_url = "http://127.0.0.1:{provider_port}/v1"
            api_key = "env:CRASH_PROVIDER_KEY"
            [[models]]
            id = "m"
            targets = [{{ provider = "p", model = "m-1" }}]
            price = {price}
            output_tokens_max = {OUTPUT_TOKENS_MAX}
            context_tokens = 1000
            """
        )
    )
    return path
