"""However a stream is split, its events are the same, and no byte is lost."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tollway.framing.sse import SseReader

LINES = st.sampled_from([b"data: x", b"data: \xc3\xa4", b": c", b"event: e", b"", b"\xef\xbb\xbf", b"data:{}"])
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r"])
STREAMS = st.one_of(
    st.lists(st.tuples(LINES, ENDS), max_size=12).map(lambda pairs: b"".join(a + b for a, b in pairs)),
    st.text(alphabet="a:\n\r", max_size=40).map(str.encode),
    st.binary(max_size=60),
)


def read(pieces: list[bytes]) -> tuple[list[bytes], bytes]:
    reader = SseReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events, reader.close()


@given(STREAMS, st.lists(st.integers(0, 60)))
def test_any_split_gives_the_same_events_and_loses_no_byte(stream: bytes, cuts: list[int]) -> None:
    places = sorted({min(place, len(stream)) for place in cuts} | {0, len(stream)})
    events, rest = read([stream[a:b] for a, b in pairwise(places)])
    whole, whole_rest = read([stream])
    singly, singly_rest = read([stream[place : place + 1] for place in range(len(stream))])
    assert b"".join(events) + rest == stream
    assert b"".join(whole) + whole_rest == stream
    # A carriage return at the end of a read waits; at the end of the stream it is in the remainder in every split.
    assert (events, rest) == (whole, whole_rest) == (singly, singly_rest)
