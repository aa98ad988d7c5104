"""A head is known again by its bytes, whatever the length of the body behind it, and by nothing less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.http.head import Head, known_head

HEAD = Head(method=b"POST", url=b"/v1/chat/completions", headers=[])
FIRST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\naccept: */*\r\n\r\n"


@given(st.binary(max_size=50), st.integers(0, 10**11), st.integers(0, 10**11), st.binary(max_size=50))
def test_the_length_may_differ(body: bytes, length: int, another: int, rest: bytes) -> None:
    known = known_head(FIRST % (b"%d" % length) + body, HEAD)
    assert known is not None
    head = FIRST % (b"%d" % another)
    assert known.body_of(head + rest) == (len(head), another)
    assert known.head is HEAD


@given(st.integers(0, len(FIRST % b"17") - 1), st.binary(min_size=1, max_size=1))
def test_no_other_byte_may_differ(at: int, byte: bytes) -> None:
    head = FIRST % b"17"
    known = known_head(head, HEAD)
    assert known is not None
    changed = head[:at] + byte + head[at + 1 :]
    found = known.body_of(changed)
    if at in range(head.index(b"17"), head.index(b"17") + 2) and byte.isdigit():
        assert found == (len(head), int(changed[head.index(b"17") :][:2]))
    else:
        assert (found is not None) == (changed == head)


@pytest.mark.parametrize("cut", range(1, len(FIRST % b"17")))
def test_a_head_that_has_not_come_whole_is_not_known(cut: int) -> None:
    head = FIRST % b"17"
    known = known_head(head, HEAD)
    assert known is not None
    assert known.body_of(head[:cut]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\ncontent-length: 3, 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\ncontent-length: \r\n\r\n",
        b"POST / HTTP/1.1\r\nx: 1\r\n\r\ncontent-length: 3\r\n\r\n",
    ],
    ids=["chunked", "in pieces", "twice", "a list", "nothing", "in the body"],
)
def test_a_head_without_one_plain_length_is_never_known(data: bytes) -> None:
    assert known_head(data, HEAD) is None


def test_a_length_of_absurd_size_is_left_to_the_parser() -> None:
    known = known_head(FIRST % b"17", HEAD)
    assert known is not None
    assert known.body_of(FIRST % b"1234567890123") is None
    assert known.body_of(FIRST % b"") is None
    assert known.body_of(FIRST % b"+1") is None
    assert known.body_of(FIRST % "١".encode()) is None
