"""Golden files of legacy completions: what a provider sends (`NAME.in`) and what a client receives (`NAME.out`).

A name says how the client asked: `.asked.` with `stream_options.include_usage`, `.plain.` without, `.off.` with the
cost fields switched off, `.whole.` without a stream; `cut-money` is a stream whose money has run out. To accept a change
on purpose, set TOLLWAY_GOLDEN=write, run, and read the difference.
"""

import os
from pathlib import Path

import pytest

from tollway.dialects.openai_completions import OPENAI_COMPLETIONS
from tollway.dialects.openai_completions.stream import CompletionForm, CompletionStream
from tollway.dialects.record import JSON, CostFields
from tollway.errors import Refusal
from tollway.neutral.usage import Usage

FOLDER = Path(__file__).parent / "openai_completions"
COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
ESTIMATE = Usage(input=40, output=20)
BROKEN = OPENAI_COMPLETIONS.render_error(
    Refusal("upstream_error", "The provider broke off: the answer above is incomplete.")
)
SPENT = OPENAI_COMPLETIONS.render_error(Refusal("insufficient_quota", "The balance is used up."))


def answered(name: str, sent: bytes) -> bytes:
    if ".whole." in name:
        return OPENAI_COMPLETIONS.splice_cost(OPENAI_COMPLETIONS.read_answer(sent, JSON), COSTS, ESTIMATE)
    costs = None if ".off." in name else COSTS
    choices = 2 if "two-choices" in name else 1
    pipe = CompletionStream(CompletionForm(usage_asked=".asked." in name, choices=choices))
    out = pipe.feed(sent) + pipe.close()
    if "cut-money" in name:
        return out + pipe.cut(SPENT, costs, ESTIMATE)
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
    assert len(list(FOLDER.glob("*.in"))) == len(list(FOLDER.glob("*.out"))) > 8
