"""Golden files of pictures, sounds, moderations and rankings: what a provider sends, and what a client receives.

A name says the dialect, what is special, and whether it is streamed: `openai_images.no-usage.whole.in`, with the answer
in `.out`. To accept a change on purpose, set TOLLWAY_GOLDEN=write, run, and read the difference.
"""

import os
from pathlib import Path

import pytest

from tollway.dialects import openai_media
from tollway.dialects.record import JSON, Called, CostFields, Dialect
from tollway.dialects.rerank import RERANK
from tollway.errors import Refusal
from tollway.neutral.usage import Usage

FOLDERS = [Path(__file__).parent / name for name in ("openai_media", "rerank")]
DIALECTS = {
    dialect.name: dialect
    for dialect in (*(getattr(openai_media, name) for name in openai_media.__all__), RERANK)
    if isinstance(dialect, Dialect)
}
COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
ESTIMATES = {
    "openai_images": Usage(input=40, output=4_160, images=1),
    "openai_image_edits": Usage(input=40, output=4_160, images=1),
    "openai_speech": Usage(input=40),
    "openai_transcriptions": Usage(audio_input=37, output=20),
    "openai_speech_translations": Usage(audio_input=37, output=20),
    "openai_moderations": Usage(),
    "rerank": Usage(input=40, output=0),
}
BROKEN = Refusal("upstream_error", "The provider broke off: the answer above is incomplete.")


def answered(name: str, sent: bytes) -> bytes:
    dialect = DIALECTS[name.partition(".")[0]]
    estimate = ESTIMATES[dialect.name]
    if ".whole." in name:
        content_type = "text/plain" if "as-text" in name else JSON
        return dialect.splice_cost(dialect.read_answer(sent, content_type), COSTS, estimate)
    costs = None if "no-costs" in name else COSTS
    peek = DIALECTS["openai_images"].peek(b'{"model":"m","stream":true}', Called())
    pipe = dialect.open_stream(peek)
    out = pipe.feed(sent) + pipe.close()
    if pipe.finished and pipe.failure is None:
        return out + pipe.end(costs, estimate)
    return out + pipe.break_off(dialect.render_error(BROKEN), costs, estimate)


@pytest.mark.parametrize(
    "path", sorted(path for folder in FOLDERS for path in folder.glob("*.in")), ids=lambda path: path.stem
)
def test_the_client_receives_what_was_agreed(path: Path) -> None:
    out = answered(path.name, path.read_bytes())
    expected = path.with_suffix(".out")
    if os.environ.get("TOLLWAY_GOLDEN") == "write":
        expected.write_bytes(out)
    assert out == expected.read_bytes()


def test_every_dialect_has_golden_files() -> None:
    found = {path.name.partition(".")[0] for folder in FOLDERS for path in folder.glob("*.in")}
    assert found == set(DIALECTS)
    for folder in FOLDERS:
        assert len(list(folder.glob("*.in"))) == len(list(folder.glob("*.out")))
