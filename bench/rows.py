"""Which lines each measure fills in a table, and the columns of the table of gateways. Data and little else."""

from figures import MEMORY, Row
from loads import LATE_MS, Generator, Measure
from plan import Part
from runs import FIRST

MS = 1e-3
"""From microseconds."""


def latency(measure: str, at: str, percent: str, *, decimals: int = 3, added: bool = True) -> Row:
    """Return a line of latency: what is added to direct, or the whole."""
    figure = f"p{percent.replace('.', '')}"
    label = f"{'added' if added else 'latency'} p{percent}, {at} (ms)"
    return Row(label=label, measure=measure, figure=figure, scale=MS, decimals=decimals, added=added)


def one_connection_rows(measure: str, at: str) -> list[Row]:
    """Return the lines of one request after the other."""
    return [
        Row(label=f"requests/s, {at}", measure=measure, figure="rps"),
        Row(label=f"CPU per request, {at} (µs)", measure=measure, figure="cpu", decimals=1),
        latency(measure, at, "50", added=False),
        latency(measure, at, "99", added=False),
        *(latency(measure, at, percent) for percent in ("50", "99", "99.9")),
    ]


def busy_rows(measure: str, at: str) -> list[Row]:
    """Return the lines of many connections."""
    return [
        Row(label=f"CPU per request, {at} (µs)", measure=measure, figure="cpu", decimals=1),
        Row(label="– of it user (µs)", measure=measure, figure="cpu_user", decimals=1),
        Row(label="– of it system (µs)", measure=measure, figure="cpu_system", decimals=1),
        Row(label=f"requests/s, {at}", measure=measure, figure="rps"),
        latency(measure, at, "99", decimals=1, added=False),
    ]


def open_rows(measure: Measure) -> list[Row]:
    """Return the lines of an open loop."""
    at = f"open loop at {measure.rate:,.0f}/s"
    return [
        Row(label=f"answers/s, {at}", measure=measure.name, figure="rps"),
        Row(label=f"CPU per request, {at} (µs)", measure=measure.name, figure="cpu", decimals=1),
        *(latency(measure.name, at, percent) for percent in ("50", "99", "99.9")),
    ]


def burst_rows(measure: str, at: str) -> list[Row]:
    """Return the lines of streams that come at once."""
    return [
        Row(label=f"CPU per stream, {at} (µs)", measure=measure, figure="cpu"),
        Row(label=f"CPU per chunk, {at} (µs)", measure=measure, figure="cpu_frame", decimals=2),
    ]


def first_token(measure: str, at: str, percent: str, *, added: bool = False) -> Row:
    """Return a line of the time to first token: the whole, or what is added to direct."""
    label = f"{'added ' if added else ''}first token p{percent}, {at} (ms)"
    return Row(label=label, measure=measure, figure=f"first_p{percent}", scale=MS, decimals=2, added=added)


def stream_rows(measure: str, at: str) -> list[Row]:
    """Return the lines of paced streams."""
    return [
        Row(label=f"CPU per chunk, {at} (µs)", measure=measure, figure="cpu_frame", decimals=1),
        first_token(measure, at, "50"),
        first_token(measure, at, "99"),
        first_token(measure, at, "99", added=True),
        Row(label=f"gap between tokens p50, {at} (ms)", measure=measure, figure="gap_p50", scale=MS, decimals=1),
        Row(label=f"gap between tokens p99, {at} (ms)", measure=measure, figure="gap_p99", scale=MS, decimals=1),
        Row(label=f"frame under way p99, {at} (ms)", measure=measure, figure="frame_p99", scale=MS, decimals=2),
        Row(label=f"frames lost, {at}", measure=measure, figure="lost", worst=True),
        Row(label=f"frames later than {LATE_MS} ms, {at}", measure=measure, figure="late", worst=True),
    ]


def thinking_rows(measure: Measure, at: str) -> list[Row]:
    """Return the lines of a provider that thinks first: the first token's alone, the rest is that of other streams."""
    at = f"provider thinks {measure.ask.think_ms} ms, {at}"
    return [first_token(measure.name, at, percent, added=added) for added in (False, True) for percent in ("50", "99")]


def rows_of(measure: Measure) -> list[Row]:
    """Return the lines that a measure fills."""
    name, connections = measure.name, measure.connections
    at = f"{connections} connection{'s' if connections > 1 else ''}"
    if name.startswith("books-"):
        return []
    if name.startswith(("body-", "lane-")):
        return shape_rows(measure)
    if measure.generator is Generator.OPEN:
        return open_rows(measure)
    if measure.generator is Generator.STREAMS:
        at = at.replace("connection", "stream")
        return thinking_rows(measure, at) if measure.ask.think_ms else stream_rows(name, at)
    if name.startswith("grown-"):
        return growth_rows(measure)
    return plain_rows(measure, at)


def plain_rows(measure: Measure, at: str) -> list[Row]:
    """Return the lines of closed loops."""
    if measure.ask.stream:
        return burst_rows(measure.name, f"{measure.ask.frames} chunks at once, {at}")
    return one_connection_rows(measure.name, at) if measure.connections == 1 else busy_rows(measure.name, at)


def growth_rows(measure: Measure) -> list[Row]:
    """Return the lines of a store that has grown."""
    if measure.generator is not Generator.KEYS:
        return busy_rows(measure.name, "one key asks")
    first = f"{FIRST}{measure.connections}"
    return [*busy_rows(first, "all keys in turn, the first time"), *busy_rows(measure.name, "all keys in turn")]


def shape_rows(measure: Measure) -> list[Row]:
    """Return the lines of requests that differ in size or dialect."""
    label = measure.name.partition("-")[2]
    rows = [Row(label=f"CPU per request, {label} (µs)", measure=measure.name, figure="cpu", decimals=1)]
    if measure.ask.stream:
        rows.append(Row(label=f"CPU per chunk, {label} (µs)", measure=measure.name, figure="cpu_frame", decimals=2))
    return [*rows, Row(label=f"requests/s, {label}", measure=measure.name, figure="rps")]


MEMORY_ROWS = [
    Row(label="ready after start (ms)", measure=MEMORY, figure="start_ms"),
    Row(label="memory idle, PSS (MB)", measure=MEMORY, figure="idle_mb", decimals=1),
    Row(label="memory under load, RSS (MB)", measure=MEMORY, figure="load_mb", decimals=1),
    Row(label="memory per open stream (KB)", measure=MEMORY, figure="stream_kb", decimals=1),
    Row(label="memory after, PSS (MB)", measure=MEMORY, figure="after_mb", decimals=1),
]


def part_rows(part: Part) -> list[Row]:
    """Return all lines of a part's table."""
    return [*(row for measure in part.measures for row in rows_of(measure)), *MEMORY_ROWS]


GATEWAY_COLUMNS = (
    Row(label="CPU/request at 64 (µs)", measure="plain-64", figure="cpu", decimals=1),
    Row(label="user", measure="plain-64", figure="cpu_user", decimals=1),
    Row(label="system", measure="plain-64", figure="cpu_system", decimals=1),
    *(Row(label=f"req/s at {count}", measure=f"plain-{count}", figure="rps") for count in (1, 16, 64, 256)),
    Row(label="added p50, closed loop (ms)", measure="plain-1", figure="p50", scale=MS, decimals=2, added=True),
    Row(label="p99", measure="plain-1", figure="p99", scale=MS, decimals=2, added=True),
    Row(label="p99.9", measure="plain-1", figure="p999", scale=MS, decimals=2, added=True),
    Row(label="added p50 at 500/s (ms)", measure="open-500", figure="p50", scale=MS, decimals=2, added=True),
    Row(label="p99", measure="open-500", figure="p99", scale=MS, decimals=2, added=True),
    Row(label="p99.9", measure="open-500", figure="p999", scale=MS, decimals=2, added=True),
    Row(label="first token p99, 32 streams (ms)", measure="streams-32", figure="first_p99", scale=MS, decimals=1),
    Row(label="CPU/chunk, 32 streams (µs)", measure="streams-32", figure="cpu_frame", decimals=1),
    Row(label="idle (MB)", measure=MEMORY, figure="idle_mb"),
    Row(label="under load (MB)", measure=MEMORY, figure="load_mb"),
    Row(label="after (MB)", measure=MEMORY, figure="after_mb"),
)
"""What the table of gateways shows of each; medians only."""
