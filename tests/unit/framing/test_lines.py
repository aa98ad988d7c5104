"""The reader of lines: what is one line, and that no byte is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing import lines
from tollway.framing.lines import LineReader


def cut(*pieces: bytes) -> tuple[list[bytes], bytes]:
    reader = LineReader()
    return [line for piece in pieces for line in reader.feed(piece)], reader.close()


def test_one_read_that_is_one_line_is_passed_as_it_is() -> None:
    line = b'{"a":1}\n'
    assert LineReader().feed(line)[0] is line


@pytest.mark.parametrize(
    ("pieces", "whole", "rest"),
    [
        ((b"",), [], b""),
        ((b"a\nb\n",), [b"a\n", b"b\n"], b""),
        ((b"a\nb",), [b"a\n"], b"b"),
        ((b"a", b"b\nc"), [b"ab\n"], b"c"),
        ((b"a\r\n\n",), [b"a\r\n", b"\n"], b""),
        ((b"a", b"\n"), [b"a\n"], b""),
    ],
)
def test_a_line_ends_at_its_newline(pieces: tuple[bytes, ...], whole: list[bytes], rest: bytes) -> None:
    assert cut(*pieces) == (whole, rest)


def test_after_the_end_it_is_at_the_beginning_again() -> None:
    reader = LineReader()
    reader.feed(b"half")
    assert reader.close() == b"half"
    assert reader.close() == b""


def test_a_line_that_never_ends_is_junk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LINE_BYTES_MAX", 10)
    reader = LineReader()
    assert reader.feed(b"0123456789") == []
    with pytest.raises(UpstreamFailure, match="longer than 10 bytes") as caught:
        reader.feed(b"!")
    assert caught.value.kind is FailureKind.JUNK


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\r"])), st.lists(st.integers(0, 40)))
def test_any_split_gives_the_same_lines(texts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(texts)
    places = sorted({min(place, len(data)) for place in cuts} | {0, len(data)})
    whole, rest = cut(*(data[a:b] for a, b in pairwise(places)))
    assert (whole, rest) == cut(data)
    assert b"".join(whole) + rest == data
    assert all(line.count(b"\n") == 1 for line in whole)
