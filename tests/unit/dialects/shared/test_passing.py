"""The pipe of a stream that passes: what waits, what is counted, how it ends, whatever the dialect's form sees."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dialects.shared.scripted import ScriptedForm
from tollway.dialects import passing
from tollway.dialects.passing import Glance, PassingStream
from tollway.dialects.record import CostFields
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing import sse
from tollway.framing.sse import read_fields
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=1, fee_nanos=2, total_nanos=3, currency="USD")
ESTIMATE = Usage(input=40, output=20)
REPORTED = UpstreamFailure(FailureKind.BROKE, "the provider reported an error: overloaded")

SEEN: dict[bytes, Glance] = {
    b"text": Glance(text_bytes=4, begins=True),
    b"tier": Glance(service_tier="flex", provider_cost_nanos=7, model="m-1"),
    b"model": Glance(model="m-2"),
    b"usage": Glance(usage=Usage(input=3, output=1)),
    b"zeros": Glance(usage=Usage(input=0, output=0)),
    b"input": Glance(usage=Usage(input=3)),
    b"hold": Glance(withheld=True),
    b"finish": Glance(withheld=True, finishes=True),
    b"done": Glance(withheld=True, finishes=True, last=True),
    b"error": Glance(error=REPORTED, usage=Usage(input=9, output=9)),
}


def look(event: bytes) -> Glance:
    """See what the one word of an event stands for; what is no word is half of one."""
    word = (read_fields(event)[1] or b"").strip()
    if word.startswith(b"half"):
        return Glance(error=UpstreamFailure(FailureKind.JUNK, "the provider sent an event that is not JSON"))
    return SEEN.get(word, Glance())


def event(word: str) -> bytes:
    """Return an event of one word."""
    return f"data: {word}\n\n".encode()


def opened(*words: str, **options: Any) -> tuple[PassingStream, ScriptedForm, bytes]:
    """Return a pipe that was fed with events, its form, and what went to the client."""
    form = ScriptedForm(look)
    pipe = PassingStream(form, **options)
    return pipe, form, b"".join(pipe.feed(event(word)) for word in words)


def test_what_comes_before_the_first_word_waits_for_it() -> None:
    pipe, _, out = opened("ping", "ping")
    assert (out, pipe.content_started) == (b"", False)
    assert pipe.feed(event("text")) == event("ping") * 2 + event("text")
    assert pipe.content_started
    assert pipe.feed(event("ping")) == event("ping")


def test_a_lead_beyond_its_bound_is_set_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "LEAD_BYTES_MAX", 2 * len(event("ping")))
    pipe, _, out = opened("ping", "ping")
    assert out == b""
    assert pipe.feed(event("ping")) == event("ping") * 3
    assert pipe.content_started


def test_from_the_first_event_of_the_end_on_all_is_withheld() -> None:
    pipe, form, out = opened("text", "finish", "ping", "usage")
    assert out == event("text")
    assert (pipe.finished, pipe.ended) == (True, False)
    assert pipe.end(COSTS, ESTIMATE) == event("finish") + event("ping") + event("usage") + b"END\n"
    assert form.closing is not None
    assert (form.closing.usage, form.closing.estimated) == (Usage(input=3, output=1), False)


def test_without_costs_the_end_is_the_providers_own() -> None:
    pipe, form, out = opened("ping", "finish", "usage")
    assert out == event("ping")  # an answer of no word at all has begun when it finishes
    assert pipe.end(None, ESTIMATE) == event("finish") + event("usage")
    assert form.closing is None


def test_a_lead_that_is_still_there_at_the_end_is_not_lost() -> None:
    for end in ("end", "break_off", "cut"):
        pipe, _, out = opened("ping", "hold")
        assert out == b""
        last = pipe.end(COSTS, None) if end == "end" else getattr(pipe, end)(b"e", COSTS, None)
        assert last.startswith(event("ping"))
        assert pipe.content_started


def test_a_tail_has_a_bound_of_which_its_first_event_is_no_part() -> None:
    pipe, _, _ = opened("text", tail_bytes_max=2 * len(event("ping")))
    for word in ("hold" + " " * 500, "ping", "ping"):
        pipe.feed(event(word))
    assert pipe.failure is None
    pipe.feed(event("ping"))
    assert pipe.failure is not None
    assert (pipe.failure.kind, pipe.feed(event("text")), pipe.delivered_events) == (FailureKind.JUNK, b"", 1)


def test_nothing_follows_the_last_word() -> None:
    pipe, _, out = opened("text", "done", "text")
    assert (out, pipe.ended, pipe.delivered_events) == (event("text"), True, 1)
    assert pipe.close() == b""
    pipe, _, _ = opened()
    assert pipe.feed(event("text") + event("done") + event("text")) == event("text")


def test_an_error_does_not_pass_and_nothing_after_it_but_its_usage_counts() -> None:
    pipe, form, out = opened("text", "error", "text", "usage")
    assert (out, pipe.failure, pipe.usage) == (event("text"), REPORTED, Usage(input=9, output=9))
    assert pipe.close() == b""
    assert pipe.break_off(b"e", COSTS, ESTIMATE) == b"BROKEN e"
    assert form.closing is not None
    assert form.closing.usage == Usage(input=9, output=9)
    assert opened("text")[0].break_off(b"e", None, None) == b"BROKEN e"


def test_what_is_told_of_an_answer_is_kept() -> None:
    pipe, _, _ = opened("tier", "model", "text")
    assert (pipe.model_answered, pipe.service_tier, pipe.provider_cost_nanos) == ("m-1", "flex", 7)
    assert (pipe.delivered_events, pipe.delivered_text_bytes) == (1, 4)


@pytest.mark.parametrize(
    ("words", "usage", "shown", "estimated"),
    [
        (("text", "usage"), Usage(input=3, output=1), Usage(input=3, output=1), False),
        (("text", "usage", "zeros"), None, ESTIMATE, True),
        (("zeros",), Usage(input=0, output=0), Usage(input=0, output=0), False),
        (("text",), None, ESTIMATE, True),
        (("text", "input"), Usage(input=3), ESTIMATE, True),
    ],
)
def test_what_is_shown_is_what_was_reported_and_else_the_estimate(
    words: tuple[str, ...], usage: Usage | None, shown: Usage, estimated: bool
) -> None:
    pipe, form, _ = opened(*words)
    assert pipe.usage == usage
    pipe.cut(b"e", COSTS, ESTIMATE)
    assert form.closing is not None
    assert (form.closing.usage, form.closing.estimated) == (shown, estimated)


def test_without_an_estimate_what_is_known_is_shown() -> None:
    pipe, form, _ = opened("text", "input")
    pipe.end(COSTS, None)
    assert form.closing is not None
    assert (form.closing.usage, form.closing.estimated) == (Usage(input=3), False)
    pipe, form, _ = opened("text")
    pipe.end(COSTS, None)
    assert form.closing is not None
    assert (form.closing.usage, form.closing.estimated) == (Usage(), True)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_last_event_without_its_blank_line_is_completed(line_end: str) -> None:
    pipe, _, _ = opened("text")
    for rest in ("data: text", f"data: text{line_end}"):
        pipe, _, _ = opened("text")
        assert pipe.feed(rest.encode()) == b""
        expected = "\r\n" if "\r\n" in rest else "\n"
        assert pipe.close() == f"data: text{expected * 2}".encode()
        assert pipe.delivered_events == 2


def test_half_an_event_at_the_end_is_no_failure_and_a_reported_error_is_one() -> None:
    pipe, _, _ = opened("text")
    pipe.feed(b"data: half")
    assert (pipe.close(), pipe.failure) == (b"", None)
    pipe, _, _ = opened("text")
    pipe.feed(b"data: error")
    assert (pipe.close(), pipe.failure) == (b"", REPORTED)
    for rest in (b"", b"\n", b": comment", b"id: 7", b"data: "):
        pipe, _, _ = opened("text")
        pipe.feed(rest)
        assert (pipe.close(), pipe.failure) == (b"", None)


def test_an_event_without_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_BYTES_MAX", 30)
    pipe, _, _ = opened("text")
    assert pipe.feed(b"data: " + b"x" * 40) == b""
    assert pipe.failure is not None
    assert pipe.failure.kind is FailureKind.JUNK


class Lines:
    """Cuts at line ends, as streams of JSON lines are."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are whole."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line + b"\n" for line in lines]

    def close(self) -> bytes:
        """Return what is left."""
        return self._rest


def test_events_of_another_framing_pass_as_they_are() -> None:
    pipe = PassingStream(ScriptedForm(lambda _: Glance(text_bytes=1, begins=True)), cutter=Lines())
    assert pipe.feed(b"a\nb\nc") == b"a\nb\n"
    assert pipe.close() == b"c"
    assert pipe.close() == b"c"  # asked once by whoever pumps; its bytes are never changed


@given(st.lists(st.sampled_from(["ping", "text", "tier", "usage", "hold", "finish"]), max_size=9))
def test_what_passes_and_what_is_withheld_is_all_that_came(words: list[str]) -> None:
    pipe, _, out = opened(*words)
    assert out + pipe.end(None, None) == b"".join(event(word) for word in words)
