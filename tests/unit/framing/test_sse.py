"""The reader of server-sent events: what is one event, and what is in it."""

from itertools import product

import pytest

from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing import sse
from tollway.framing.sse import SseReader, read_fields, with_data


def cut(*pieces: bytes) -> list[bytes]:
    reader = SseReader()
    return [event for piece in pieces for event in reader.feed(piece)]


def test_one_read_that_is_one_event_is_passed_as_it_is() -> None:
    event = b"data: 1\n\n"
    assert SseReader().feed(event)[0] is event


def test_several_events_in_one_read_are_cut_apart() -> None:
    assert cut(b"data: 1\n\ndata: 2\n\n") == [b"data: 1\n\n", b"data: 2\n\n"]


@pytest.mark.parametrize(
    "events",
    [
        [b"a\n\n", b"b\n\n", b"c\n\n"],
        [b"a\n\n", b"b\nc\n\n"],
        [b"a\nb\n\n", b"c\n\n"],
        [b"a\n\n", b"b\nc\n\n", b"\nd\n\n"],
        [b"a\n\n", b"\nb\n\n", b"c\n\n"],
    ],
)
def test_events_of_one_read_may_have_more_lines_than_others(events: list[bytes]) -> None:
    assert cut(b"".join(events)) == events


@pytest.mark.parametrize(("letters", "size_max"), [(b"a\n", 10), (b"a\n\r", 6)])
def test_one_read_gives_what_its_bytes_one_by_one_give_wherever_lines_end(letters: bytes, size_max: int) -> None:
    for data in (bytes(each) for size in range(1, size_max + 1) for each in product(letters, repeat=size)):
        whole, bit_by_bit = SseReader(), SseReader()
        events = [event for byte in data for event in bit_by_bit.feed(bytes((byte,)))]
        assert (whole.feed(data), whole.pending) == (events, bit_by_bit.pending), data


def test_an_event_of_several_lines_is_one_event() -> None:
    assert cut(b"event: a\ndata: 1\n\n") == [b"event: a\ndata: 1\n\n"]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard_ends_lines(line_end: bytes) -> None:
    first, second = b"data: 1" + line_end * 2, b": c" + line_end * 2
    assert cut(first + second + b"x") == [first, second]


def test_line_ends_may_be_mixed() -> None:
    assert cut(b"data: 1\r\n\ndata: 2\n\r\ndata: 3\r\n\rdata: 4\n\n") == [
        b"data: 1\r\n\n",
        b"data: 2\n\r\n",
        b"data: 3\r\n\r",
        b"data: 4\n\n",
    ]


def test_a_stream_of_bare_carriage_returns_is_not_one_event_late() -> None:
    assert cut(b"data: 1\r\r") == [b"data: 1\r\r"]


def test_half_of_a_crlf_waits_for_the_other_half() -> None:
    reader = SseReader()
    assert reader.feed(b"data: 1\r\n\r") == []
    assert reader.feed(b"\n") == [b"data: 1\r\n\r\n"]


def test_a_line_feed_after_a_bare_carriage_return_begins_the_next_event() -> None:
    assert cut(b"data: 1\r\r\ndata: 2\r\r") == [b"data: 1\r\r", b"\ndata: 2\r\r"]


@pytest.mark.parametrize("stream", [b"\n\ndata: 1\n\n", b"data: 0\n\n\n\ndata: 1\n\n"])
def test_blank_lines_before_an_event_belong_to_it(stream: bytes) -> None:
    assert cut(stream)[-1] == b"\n\ndata: 1\n\n"
    assert cut(*(bytes([byte]) for byte in stream)) == cut(stream)


def test_what_is_left_at_the_end_is_returned_once() -> None:
    reader = SseReader()
    reader.feed(b"data: 1\n\ndata: 2\n")
    assert reader.close() == b"data: 2\n"
    assert reader.close() == b""
    assert reader.feed(b"data: 3\n\n") == [b"data: 3\n\n"]


def test_an_event_without_end_is_not_kept_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_BYTES_MAX", 100)
    reader = SseReader()
    assert reader.feed(b"data: 1\n\n" * 100 + b"x" * 100) == [b"data: 1\n\n"] * 100
    with pytest.raises(UpstreamFailure) as caught:
        reader.feed(b"x")
    assert caught.value.kind is FailureKind.JUNK


def test_a_long_event_in_small_pieces_costs_no_more_than_its_length() -> None:
    reader = SseReader()
    for _ in range(200_000):
        reader.feed(b"xxxxxxxx")
    assert len(reader.feed(b"\r\n\r\n")) == 1


@pytest.mark.parametrize(
    ("event", "name", "data"),
    [
        (b"data: {}\n\n", None, b"{}"),
        (b"data:{}\n\n", None, b"{}"),
        (b"data:  x\r\n\r\n", None, b" x"),
        (b"data: a\ndata: b\n\n", None, b"a\nb"),
        (b"data: a\rdata: b\r\r", None, b"a\nb"),
        (b"event: error\ndata: {}\n\n", b"error", b"{}"),
        (b"\xef\xbb\xbfdata: x\n\n", None, b"x"),
        (b": comment\n\n", None, None),
        (b"id: 1\nretry: 5\n\n", None, None),
        (b"data\n\n", None, b""),
        (b"\n\ndata: x\n\n", None, b"x"),
    ],
)
def test_the_name_and_the_data_of_an_event(event: bytes, name: bytes | None, data: bytes | None) -> None:
    assert read_fields(event) == (name, data)


@pytest.mark.parametrize(
    ("event", "edited"),
    [
        (b"data: old\n\n", b"data: new\n\n"),
        (b"\ndata:old\n\n", b"\ndata:new\n\n"),
        (b"data: old\r\r", b"data: new\r\r"),
        (b"id: 7\r\ndata:old\r\n\r\n", b"id: 7\r\ndata:new\r\n\r\n"),
        (b"data: o\ndata: ld\n\n", b"data: new\n\n"),
        (b"event: data\ndata: data\n\n", b"event: data\ndata: new\n\n"),
        (b": nothing\n\n", b"data: new\n\n"),
    ],
)
def test_the_data_of_an_event_can_be_replaced(event: bytes, edited: bytes) -> None:
    assert with_data(event, b"new") == edited


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (b"event: a\ndata: {}\n\n", (b"a", b"{}")),
        (b"event: a\ndata: \n\n", (b"a", b"")),
        (b"event: a\ndata:{}\n\n", (b"a", b"{}")),
        (b"event: a\nid: 1\n\n", (b"a", None)),
        (b"event: a\n: data: no\n\n", (b"a", None)),
        (b"event: a\ndata: 1\ndata: 2\n\n", (b"a", b"1\n2")),
        (b"event: a\r\ndata: 1\r\n\r\n", (b"a", b"1")),
        (b"event: a\rdata: 1\n\n\n", (b"a", b"1")),
    ],
)
def test_a_name_and_one_line_of_data_are_read_as_any_other_fields_are(
    event: bytes, fields: tuple[bytes | None, bytes | None]
) -> None:
    assert read_fields(event) == fields
    assert read_fields(b": c\n" + event) == fields
