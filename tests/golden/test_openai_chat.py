"""Golden files of the OpenAI chat dialect: what a provider sends (`NAME.in`) and what a client receives (`NAME.out`).

A name says how the client asked: `.asked.` with `stream_options.include_usage`, `.plain.` without, `.off.` with the
cost fields switched off, `.whole.` without a stream. To accept a change on purpose, set TOLLWAY_GOLDEN=write, run, and
read the difference.
"""

import os
from pathlib import Path

import pytest

from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_chat.stream import ChatStream
from tollway.dialects.record import JSON, CostFields
from tollway.errors import Refusal
from tollway.neutral.usage import Usage

FOLDER = Path(__file__).parent / "openai_chat"
COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
ESTIMATE = Usage(input=40, output=20)
BROKEN = OPENAI_CHAT.render_error(Refusal("upstream_error", "The provider broke off: the answer above is incomplete."))


def answered(name: str, sent: bytes) -> bytes:
    if ".whole." in name:
        return OPENAI_CHAT.splice_cost(OPENAI_CHAT.read_answer(sent, JSON), COSTS, ESTIMATE)
    costs = None if ".off." in name else COSTS
    pipe = ChatStream(usage_asked=".asked." in name, choices=2 if "two-choices" in name else 1)
    out = pipe.feed(sent) + pipe.close()
    if pipe.finished and pipe.failure is None:
        return out + pipe.end(costs, ESTIMATE)
    return out + pipe.break_off(BROKEN, costs, ESTIMATE)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.in")), ids=lambda path: path.stem)
def test_the_client_receives_what_was_agreed(path: Path) -> None:
    out = answered(path.name, path.read_bytes())
    expected = path.with_suffix(".out")
    if os.environ.get("TOLLWAY_GOLDEN") == "write":
        expected.write_bytes(out)
    assert out == expected.read_bytes()


def test_there_are_golden_files() -> None:
    assert len(list(FOLDER.glob("*.in"))) == len(list(FOLDER.glob("*.out"))) > 10
