"""The speed budget (design, section 8), line by line against the figures: what was measured, and whether it holds. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from figures import MEMORY, Figures, Row, one
from payloads import THINK_MS
from peers import LITELLM, NGINX, PORTKEY, TOLLWAY
from settings import MANY_KEYS, ONE_KEY

MS = 1e-3
NOISE_OF_GROWTH = 1.1
"""A cost that does not change may still be measured a tenth larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A line of the budget: Tollway's figure, or its ratio to somebody else's, and the bound that it must not pass."""

    what: str
    measure: str
    figure: str
    limit: float
    unit: str = ""
    scale: float = 1.0
    added: bool = False
    worst: bool = False
    of: str = TOLLWAY
    """Whose figure."""
    over: str | None = None
    """Whose figure it is divided by; None takes it as it is."""
    at_least: float | None = None
    """The other way round: how many times as much as ours the figure of `of` must be."""

    def row(self) -> Row:
        """Return where the figure stands."""
        return Row(
            label=self.what,
            measure=self.measure,
            figure=self.figure,
            scale=self.scale,
            added=self.added,
            worst=self.worst,
        )


def beside_nginx(what: str, measure: str, figure: str, *, limit: float) -> Bar:
    """Return a line on how many times nginx's figure ours may be."""
    return Bar(what=what, measure=measure, figure=figure, over=NGINX, limit=limit, unit="× nginx")


def added_ms(what: str, measure: str, figure: str, *, limit: float) -> Bar:
    """Return a line on what Tollway may add to the upstream, in milliseconds."""
    return Bar(what=f"added {what}", measure=measure, figure=figure, scale=MS, added=True, limit=limit, unit="ms")


def no_frame(what: str, measure: str, figure: str) -> Bar:
    """Return a line on what may happen to no frame in any round."""
    return Bar(what=f"frames {what}", measure=measure, figure=figure, worst=True, limit=0)


def per_core(of: str, *, at_least: float) -> Bar:
    """Return a line on how many times as many requests a core is to answer as with another gateway."""
    beside = Bar(what=f"requests per core beside {of}", measure="plain-64", figure="cpu", of=of, over=TOLLWAY, limit=0)
    return replace(beside, at_least=at_least, unit="×")


BARS = (
    beside_nginx("CPU per plain request, 64 connections", "plain-64", "cpu", limit=4),
    beside_nginx("CPU per streamed chunk, 800 streams", "streams-800", "cpu_frame", limit=1.6),
    added_ms("p50, one connection", "plain-1", "p50", limit=0.3),
    added_ms("p99, one connection", "plain-1", "p99", limit=1),
    added_ms("time to first token p99, 100 streams, provider answers at once", "streams-100", "first_p99", limit=0.5),
    added_ms(
        f"time to first token p99, 100 streams, provider thinks {THINK_MS} ms", "thinking-100", "first_p99", limit=0.5
    ),
    no_frame("lost, 512 streams", "streams-512", "lost"),
    no_frame("later than 200 ms, 512 streams", "streams-512", "late"),
    Bar(what="memory idle, one worker", measure=MEMORY, figure="idle_mb", limit=80, unit="MB"),
    Bar(what="memory per open stream", measure=MEMORY, figure="stream_kb", limit=30, unit="KB"),
    Bar(
        what="growth: CPU per request of one key, the largest store beside an empty one",
        measure="grown-one-64",
        figure="cpu",
        of=MANY_KEYS,
        over=ONE_KEY,
        limit=NOISE_OF_GROWTH,
        unit="×",
    ),
    Bar(what="CPU of a request of 1 MB, all of it", measure="body-1mb", figure="cpu", scale=MS, limit=4, unit="ms"),
    per_core(LITELLM, at_least=100),
    per_core(PORTKEY, at_least=10),
)


def measured(bar: Bar, parts: Sequence[str], figures: Figures) -> float | None:
    """Return the figure from the first part that has it, both sides of a ratio from the same one; None without."""
    for part in parts:
        ours = one(bar.row(), part, bar.of, figures)
        if bar.over is None:
            if ours is not None:
                return ours
            continue
        other = one(bar.row(), part, bar.over, figures)
        if ours is not None and other:
            return ours / other
    return None


def line(bar: Bar, found: float) -> str:
    """Return a line of the table."""
    if bar.at_least is not None:
        bound, held = f"≥ {bar.at_least:g} {bar.unit}", found >= bar.at_least
    else:
        bound, held = f"≤ {bar.limit:g} {bar.unit}", found <= bar.limit
    number = f"{found:,.0f}" if found >= 100 or not bar.unit else f"{found:.2f}"
    return f"| {bar.what} | {bound.strip()} | {f'{number} {bar.unit}'.strip()} | {'held' if held else '**MISSED**'} |"


def budget(parts: Sequence[str], figures: Figures) -> str:
    """Return the budget's table; lines that nobody measured are left out, and an empty text when that is all of them."""
    found = [(bar, measured(bar, parts, figures)) for bar in BARS]
    lines = [line(bar, value) for bar, value in found if value is not None]
    return "\n".join(["| budget | bar | measured | |", "|---|--:|--:|---|", *lines]) if lines else ""
