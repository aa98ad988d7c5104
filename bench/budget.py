"""The speed budget (design, section 8), line by line against the figures: what was measured, and whether it holds. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from figures import MEMORY, Figures, Row, one
from peers import LITELLM, NGINX, PORTKEY, TOLLWAY
from settings import MANY_KEYS, ONE_KEY, SOME_KEYS

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


BARS = (
    Bar(
        what="CPU per plain request, 64 connections",
        measure="plain-64",
        figure="cpu",
        over=NGINX,
        limit=4,
        unit="× nginx",
    ),
    Bar(
        what="CPU per streamed chunk, 800 streams",
        measure="streams-800",
        figure="cpu_frame",
        over=NGINX,
        limit=1.6,
        unit="× nginx",
    ),
    Bar(
        what="added p50, one connection",
        measure="plain-1",
        figure="p50",
        scale=MS,
        added=True,
        limit=0.3,
        unit="ms",
    ),
    Bar(what="added p99, one connection", measure="plain-1", figure="p99", scale=MS, added=True, limit=1, unit="ms"),
    Bar(
        what="added time to first token p99, 100 streams",
        measure="streams-100",
        figure="first_p99",
        scale=MS,
        added=True,
        limit=0.5,
        unit="ms",
    ),
    Bar(what="frames lost, 512 streams", measure="streams-512", figure="lost", worst=True, limit=0),
    Bar(what="frames later than 200 ms, 512 streams", measure="streams-512", figure="late", worst=True, limit=0),
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
    Bar(
        what="growth: CPU per request, 100,000 keys in turn beside 10,000",
        measure="grown-64",
        figure="cpu",
        of=MANY_KEYS,
        over=SOME_KEYS,
        limit=NOISE_OF_GROWTH,
        unit="×",
    ),
    Bar(
        what="growth: CPU per request, 100,000 keys in turn beside one key",
        measure="grown-64",
        figure="cpu",
        of=MANY_KEYS,
        over=ONE_KEY,
        limit=NOISE_OF_GROWTH,
        unit="×",
    ),
    Bar(
        what="CPU of a request of 1 MB, all of it",
        measure="body-1mb",
        figure="cpu",
        scale=MS,
        limit=4,
        unit="ms",
    ),
    Bar(
        what="requests per core beside LiteLLM",
        measure="plain-64",
        figure="cpu",
        of=LITELLM,
        over=TOLLWAY,
        limit=0,
        at_least=100,
        unit="×",
    ),
    Bar(
        what="requests per core beside Portkey",
        measure="plain-64",
        figure="cpu",
        of=PORTKEY,
        over=TOLLWAY,
        limit=0,
        at_least=10,
        unit="×",
    ),
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
