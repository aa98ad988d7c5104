"""What the official clients make of a stream that was cut for lack of money: the text, the reason, and then the error."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.gateway.provider import CONTENT, Line, Provider, Seen, event
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_chat.stream import ChatStream
from tollway.dialects.record import CostFields
from tollway.errors import Refusal
from tollway.neutral.usage import Usage

PROGRAM = Path(__file__).parent / "sdk_stream.py"
MESSAGE = "The balance ran out."


def read_with_client(url: str, key: str, model: str, *, choices: int = 1, package: Path | None = None) -> Any:
    """Run a user's program on a stream, with the newest client or the one in `package`."""
    env = os.environ | {"TOLLWAY_URL": url, "TOLLWAY_KEY": key}
    if package is not None:
        env["PYTHONPATH"] = str(package)
    done = subprocess.run(
        [sys.executable, str(PROGRAM), model, str(choices)],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("generation", ["3.", "1."])
@pytest.mark.parametrize("choices", [1, 2])
def test_the_official_client_shows_the_text_and_then_raises(
    provider: Provider, openai_1: Path, generation: str, choices: int
) -> None:
    async def cut(seen: Seen, to: Line) -> None:
        pipe = ChatStream(usage_asked=False, choices=choices)
        await to.start_stream()
        for text in CONTENT:
            await to.piece(pipe.feed(event("m", {"content": text})))
        costs = CostFields(base_nanos=1_000, fee_nanos=0, total_nanos=1_000, currency="USD")
        error = OPENAI_CHAT.render_error(Refusal("insufficient_quota", MESSAGE))
        await to.piece(pipe.cut(error, costs, Usage(input=3, output=6)))
        await to.end_stream()

    provider.scripts["cut"] = cut
    package = openai_1 if generation == "1." else None
    shown = read_with_client(f"http://127.0.0.1:{provider.port}/v1", "k", "cut", choices=choices, package=package)
    assert shown["version"].startswith(generation)
    assert shown["text"] == "".join(CONTENT)
    assert shown["finish_reasons"] == ["length"] * choices
    assert shown["usage"]["total_cost_usd"] == 0.000001
    assert shown["error"] == {"kind": "APIError", "code": "insufficient_quota", "message": MESSAGE}
