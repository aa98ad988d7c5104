"""`make bench-chunks`: what one streamed chunk costs of CPU, in the process itself: no socket, no gateway, no ledger.

For each dialect the pipe whose bytes pass, and for each pair of dialects the one that translates; each fed one event a
read. A figure is the best of many rounds over all chunks of a kind, in this thread's own CPU time: what others do on
the machine lengthens a round, and nothing shortens one. Prints one markdown table, exit status 0; a missed bar is a result.
"""

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from machine import facts_of_processor
from results import revision
from streams import CHUNKS, KINDS, STREAMS, Recorded

from tollway.dialects.known import DIALECTS
from tollway.dialects.record import ReplyTerms, Stream
from tollway.dialects.translation import TranslatedStream
from tollway.neutral.parts import Text
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest, Message, Role

ROUNDS = 60
WHOLE_CALLS = {("gemini", "tools"), ("ollama_chat", "tools")}
"""Provider and kind: such a chunk is a whole call of a tool, which is two chunks or more elsewhere. Its bar is twice as high."""
UNTOUCHED_BAR_US = 3.0
TRANSLATED_BAR_US = 8.0

PEEK = Peek(
    model_asked="bench",
    streamed=True,
    usage_asked=False,
    output_tokens_max=None,
    choices=1,
    body_bytes=1024,
    media_parts=0,
)
TERMS = ReplyTerms(
    request=ChatRequest(model="bench", messages=(Message(role=Role.USER, parts=(Text(text="Tell me."),)),)),
    peek=PEEK,
    reply_id="bench0a1b2c3d4e5f60",
    created_s=1_760_000_000,
    model="bench",
)

Opener = Callable[[], Stream]


def openers() -> dict[tuple[str, str], Opener]:
    """Return what opens each pipe, by the client's dialect and the provider's."""
    found: dict[tuple[str, str], Opener] = {}
    for provider in STREAMS:
        passing = DIALECTS[provider]
        for client in STREAMS:
            translator = DIALECTS[client].chat
            if client == provider and translator is not None and translator.open_writer is not None:
                found[client, provider] = lambda passing=passing: passing.open_stream(PEEK)
            elif translator is not None and translator.open_writer is not None:
                found[client, provider] = _translating(client, provider)
    return found


def _translating(client: str, provider: str) -> Opener:
    reads, writes = DIALECTS[provider].chat, DIALECTS[client].chat
    assert reads is not None, "every dialect here is of chat"
    assert writes is not None, "this one as well"
    assert reads.open_reader is not None, "every one of them stands on the provider's side"
    assert writes.open_writer is not None, "and this one on the client's"
    open_reader, open_writer = reads.open_reader, writes.open_writer
    return lambda: TranslatedStream(open_reader(), open_writer(TERMS), issuer="bench")


def check(opener: Opener, recorded: Recorded) -> None:
    """Raise where a pipe does not take what it is fed: its figure would be worth nothing."""
    pipe = opener()
    for data in (*recorded.before, *recorded.chunks, *recorded.after):
        pipe.feed(data)
    assert pipe.failure is None, pipe.failure
    assert pipe.finished
    assert pipe.delivered_events >= len(recorded.chunks)


def chunk_us(opener: Opener, recorded: Recorded, rounds: int) -> float:
    """Return the CPU of one chunk, in microseconds: the best round."""
    best = float("inf")
    clock = time.thread_time_ns
    for _ in range(rounds):
        pipe = opener()
        for data in recorded.before:
            pipe.feed(data)
        feed = pipe.feed
        begun = clock()
        for data in recorded.chunks:
            feed(data)
        best = min(best, clock() - begun)
    return best / len(recorded.chunks) / 1000


def measure(rounds: int, only: Sequence[str] = ()) -> dict[tuple[str, str], dict[str, float]]:
    """Return the figures of each pair, by the kind of chunk."""
    figures: dict[tuple[str, str], dict[str, float]] = {}
    for pair, opener in openers().items():
        if only and not set(only) & set(pair):
            continue
        for kind in KINDS:
            recorded = STREAMS[pair[1]](kind)
            check(opener, recorded)
            figures.setdefault(pair, {})[kind] = chunk_us(opener, recorded, rounds)
    return figures


def table(figures: Mapping[tuple[str, str], Mapping[str, float]]) -> str:
    """Return one table: a line each provider, a column each client; a cell is text / reasoning / tools."""
    clients = [name for name in STREAMS if any(pair[0] == name for pair in figures)]
    lines = [
        f"| provider ↓, client → | {' | '.join(clients)} |",
        f"|---|{'--:|' * len(clients)}",
    ]
    for provider in STREAMS:
        cells = [_cell(figures.get((client, provider)), untouched=client == provider) for client in clients]
        lines.append(f"| {provider} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(found: Mapping[str, float] | None, *, untouched: bool) -> str:
    if found is None:
        return "–"
    text = " / ".join(f"{found[kind]:.1f}" for kind in KINDS)
    return f"**{text}**" if untouched else text


def missed(figures: Mapping[tuple[str, str], Mapping[str, float]]) -> Iterable[str]:
    """Yield a line for each figure above its bar."""
    for (client, provider), found in figures.items():
        for kind, figure in found.items():
            bar = UNTOUCHED_BAR_US if client == provider else TRANSLATED_BAR_US
            if (provider, kind) in WHOLE_CALLS:
                bar *= 2
            if figure > bar:
                yield f"MISSED: {provider} to {client}, {kind}: {figure:.2f} µs, at most {bar:.0f}"


def report(figures: Mapping[tuple[str, str], Mapping[str, float]], rounds: int) -> str:
    """Return the table with what it was measured on."""
    over = list(missed(figures))
    legend = (
        f"µs of CPU a chunk: {' / '.join(KINDS)}; best of {rounds} rounds of {CHUNKS} chunks. **Bold**: bytes pass "
        f"(bar {UNTOUCHED_BAR_US:.0f} µs); the others are translated (bar {TRANSLATED_BAR_US:.0f} µs). The tools of Gemini "
        "and of Ollama's chat are whole calls, one a chunk, which are two chunks or more elsewhere (twice the bar)."
    )
    return "\n".join(
        [
            legend,
            "",
            table(figures),
            "",
            *(over or ["Every figure is within its bar."]),
            "",
            *(f"- {name}: {value}" for name, value in facts_of_processor().items()),
            f"- msgspec: {msgspec.__version__}",
            f"- load of the machine meanwhile: {os.getloadavg()[0]:.1f}",
        ]
    )


def main(words: Sequence[str]) -> int:
    """Measure, print, and keep the result if asked to."""
    parser = argparse.ArgumentParser(prog="make bench-chunks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help="pairs that have one of these dialects, such as gemini,openai_chat")
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results/")
    asked = parser.parse_args(words)
    gc.disable()  # as a chunk's share of a collection depends on what else lives
    text = report(measure(asked.rounds, [name for name in asked.only.split(",") if name]), asked.rounds)
    print(text)
    if asked.save:
        now = datetime.now(UTC)
        folder = Path(__file__).parent / "results"
        name = f"{now:%Y-%m-%d-%H%M}-chunks.md"
        title = f"# CPU of a streamed chunk, {now:%Y-%m-%d} (commit {revision(folder)})"
        (folder / name).write_text(f"{title}\n\n{text}\n")
        print(f"saved: {name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
