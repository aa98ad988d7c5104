"""A real Tollway in a process of its own: settings file, accounts by command line, server by `tollway serve`."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from tollway.settings import SecretUse
from tollway.settings.load import load_settings

TOLLWAY = (sys.executable, "-m", "tollway")
PRICE = '{ input = "1", output = "2", cached_input = "0.5" }'
"""Per million tokens: the provider's 1000 in and 100 out cost 0.0012."""

COST = Decimal("0.0012")
NEWLINE = "\n"


class Deployment:
    """One deployment in a folder."""

    def __init__(self, folder: Path, settings: str) -> None:
        self.folder = folder
        self.config = folder / "tollway.toml"
        self.config.write_text(settings)
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.log = folder / "log"
        self._clients: list[httpx.Client] = []

    @property
    def store(self) -> str:
        """The URL of the books."""
        return load_settings(self.config, secrets=SecretUse.LEAVE).store.url

    def command(self, *words: str, status: int = 0, env: Mapping[str, str] | None = None) -> Any:
        """Run a command with --json; return what it printed, or its error text when it should fail."""
        done = self.run(*words, "--json", env=env)
        assert done.returncode == status, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if status == 0 else done.stderr

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command as a user types it."""
        arguments = [*TOLLWAY, *words, "--config", str(self.config)]
        return subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=self.folder,
            env={**os.environ, **(env or {})},
        )

    def start(self, env: Mapping[str, str] | None = None) -> "Deployment":
        """Start serving and wait until it says where."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*TOLLWAY, "serve", "--config", str(self.config), "--json"],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **(env or {})},
            )
        assert self.process.stdout is not None
        timer = threading.Timer(30, self.process.kill)
        timer.start()
        first = self.process.stdout.readline()
        timer.cancel()
        assert first, f"it did not start:\n{self.log.read_text()}"
        self.url = json.loads(first)["url"]
        return self

    def kill(self) -> None:
        """Kill it as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)
        self._forget()

    def stop(self) -> None:
        """Stop it as an operator would, and wait for it."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self._forget()

    def _forget(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None

    def account(self, credit: str | None = "5.00") -> str:
        """Make an account; return its id."""
        words = ["--credit", credit] if credit is not None else []
        return self.command("account", "create", "--name", "test", *words)["id"]

    def key(self, account: str, *words: str) -> str:
        """Make a key; return its text."""
        return self.command("key", "create", "--account", account, "--name", "test", *words)["key"]

    def balance(self, account: str) -> tuple[Decimal, Decimal]:
        """Return balance and held."""
        shown = self.command("balance", account)
        return Decimal(shown["balance"]), Decimal(shown["held"])

    def requests(self) -> list[dict[str, Any]]:
        """Return the lines of finished exchanges, newest first."""
        return self.command("requests", "list", "--limit", "1000")

    def check(self) -> None:
        """Assert that the ledger proves itself."""
        report = self.command("ledger", "check")
        assert report["problems"] == []

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        """Return a plain HTTP client, which is closed when the deployment stops."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)
        self._clients.append(client)
        return client


def settings_for(provider_port: int, *, more: str = "", server: str = "", store: str = "") -> str:
    """Return a settings file with one provider that serves `m` and, as a wildcard, `p/…`.

    `store` is the URL of a database; without one the books are in a file beside the settings.
    """
    return textwrap.dedent(
        f"""
        {f"[store]{NEWLINE}        url = '{store}'" if store else ""}
        [server]
        port = 0
        {server}
        [[providers]]
        name = "p"
        preset = "openai-compatible"
        base_url = "http://127.0.0.1:{provider_port}/v1"
        api_key = "env:TEST_PROVIDER_KEY"
        {more}
        [[models]]
        id = "m"
        targets = [{{ provider = "p", model = "m-2026" }}]
        price = {PRICE}
        output_tokens_max = 1000
        context_tokens = 10000
        [[models]]
        id = "p/*"
        targets = [{{ provider = "p", model = "*" }}]
        price = {PRICE}
        output_tokens_max = 1000
        context_tokens = 10000
        """
    )


def sse_data(text: str) -> list[str]:
    """Return the data of each event of a stream's text."""
    return re.findall(r"^data: (.*)$", text, re.MULTILINE)
