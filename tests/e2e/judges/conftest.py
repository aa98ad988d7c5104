"""What the judges share: a capable model as two providers, one for each of two dialects, and a real Tollway before them."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.gateway.deployment import Deployment
from tests.e2e.judges.capable.provider import CapableProvider

SETTINGS = """
[server]
port = 0
[[providers]]
name = "chat"
preset = "openai-compatible"
base_url = "http://127.0.0.1:{port}/v1"
[[providers]]
name = "messages"
preset = "anthropic-compatible"
base_url = "http://127.0.0.1:{port}"
"""
MODEL = """
[[models]]
id = "{id}"
targets = [{{ provider = "{provider}", model = "{id}" }}]
price = {price}
output_tokens_max = 4000
context_tokens = 100000
"""
MODELS = [("capable", "chat"), ("other", "chat"), ("capable-messages", "messages"), ("other-messages", "messages")]
PRICE = '{ input = "1", output = "2", cached_input = "0.5", image = "0.01", audio_output = "3" }'


@dataclass(frozen=True)
class Judged:
    """A gateway, the capable model behind it, and a key."""

    tollway: Deployment
    provider: CapableProvider
    key: str


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    """One gateway for all judges."""
    provider = CapableProvider().start()
    folder = tmp_path_factory.mktemp("judged")
    models = [MODEL.format(id=id_, provider=name, price=PRICE) for id_, name in MODELS]
    tollway = Deployment(folder, SETTINGS.format(port=provider.port) + "".join(models)).start()
    yield Judged(tollway=tollway, provider=provider, key=tollway.key(tollway.account("1000.00")))
    tollway.stop()
    provider.stop()


def judge(name: str) -> Path:
    """Return the folder of a judge's packages; skips the test where it was not installed."""
    folder = Path(sys.prefix, "compat", name)
    if not folder.is_dir():
        pytest.skip(f"{name} is not installed in {folder}: run `make setup`")
    return folder


def run(
    *words: str, path: Path, cwd: Path, env: Mapping[str, str], wait_s: float = 110
) -> subprocess.CompletedProcess[str]:
    """Run a judge's program with its own packages first, and without measuring its coverage."""
    mine = {
        name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_", "PYTHON"))
    }
    return subprocess.run(
        [sys.executable, *words],
        env=mine | {"PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1", **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=wait_s,
        check=False,
    )
