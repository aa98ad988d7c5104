"""Forms: their parts are found by place, and what two readers would read in two ways is refused."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.framing.multipart import (
    HEAD_BYTES_MAX,
    PARTS_MAX,
    MultipartError,
    boundary_of,
    media_type,
    opening_boundary,
    read_parts,
)

B = b"xyz"


def part(value: bytes = b"v", *lines: bytes, name: bytes = b"model") -> bytes:
    head = b"\r\n".join((b'Content-Disposition: form-data; name="%b"' % name, *lines))
    return b"--xyz\r\n%b\r\n\r\n%b\r\n" % (head, value)


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--xyz--\r\n"


def headed(head: bytes) -> bytes:
    return form(b"--xyz\r\n%b\r\n\r\nv\r\n" % head)


def test_parts_are_found_with_their_places() -> None:
    body = form(
        part(b"whisper-1"),
        part(b"\x00\r\n--", b"Content-Type: audio/wav", name=b'file"; filename="a;b.wav'),
        part(b"", name="größe".encode()),
        part(b"1", name=b"n"),
    )
    model, file, size, n = read_parts(body, B)
    assert [each.name for each in (model, file, size, n)] == ["model", "file", "größe", "n"]
    assert [each.is_file for each in (model, file, size, n)] == [False, True, False, False]
    assert [body[each.start : each.end] for each in (model, file, size, n)] == [b"whisper-1", b"\x00\r\n--", b"", b"1"]
    assert body[model.name_start : model.name_end] == b"model"
    assert body[size.name_start : size.name_end] == "größe".encode()
    assert (model.part_start, n.part_end) == (0, len(body) - len(b"--xyz--\r\n"))
    assert model.size == 9
    assert opening_boundary(body) == B


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Disposition: form-data; name=model",
        b"content-disposition:form-data;name=model",
        b'CONTENT-DISPOSITION: Form-Data; NAME="model";',
        b'Content-Type: text/plain\r\nContent-Disposition: form-data; name="model"; filename="C:\\new folder\\a.txt"',
        b'Content-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: 8bit\r\nContent-Length: 1',
        b"Content-Disposition: form-data; filename*=utf-8''a; name=\"model\"  ",
    ],
)
def test_what_clients_write_is_read(head: bytes) -> None:
    body = headed(head)
    found = read_parts(body, B)
    assert [each.name for each in found] == ["model"]
    assert body[found[0].name_start : found[0].name_end] == b"model"
    assert found[0].is_file == (b"filename" in head)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "must begin"),
        (b"--xyz--\r\n", "must begin"),
        (b"before\r\n" + form(part()), "must begin"),
        (form(part()).replace(b"\r\n", b"\n"), "must begin"),
        (form(part())[:-12], "cut off"),
        (part()[:-2], "cut off"),
        (part() + b"--xyz--\r\nafter", "followed by CRLF"),
        (part() + b"--xyz--\nmore" + part(), "followed by CRLF"),
        (part() + b"--xyzz\r\n", "followed by CRLF"),
        (part() + b"--xyz \r\n" + form(part()), "followed by CRLF"),
        (form(part(b"a--xyz")), "inside a part"),
        (form(part(b"a\n--xyz\n")), "inside a part"),
        (form(part(b"", b"X: --xyz")), "inside a part"),
        (b"--xyz\r\n\r\nv\r\n--xyz--", "do not end"),
        (headed(b"X: " + b"y" * HEAD_BYTES_MAX), "do not end"),
        (
            headed(b'Content-Disposition: form-data; name="a"\r\n' + b"\r\n".join([b"X%d: y" % i for i in range(16)])),
            "16",
        ),
        (headed(b"X: y"), "no Content-Disposition"),
        (headed(b"X"), "header line"),
        (headed(b": y"), "header line"),
        (headed(b'Content-Disposition: form-data;\r\n name="model"'), "header line"),
        (headed(b'Content-Disposition : form-data; name="model"'), "header line"),
        (headed(b'Content-Disposition: form-data; name="mo\ndel"'), "header line"),
        (headed(b'Content-Disposition: form-data; name="mo\rdel"'), "header line"),
        (headed(b'Content-Disposition: form-data; name="mo\0del"'), "header line"),
        (headed(b"Content-Disposition: form-data; name=a\r\ncontent-disposition: form-data; name=b"), "header twice"),
        (headed(b"Content-Disposition: form-data"), "must say"),
        (headed(b"Content-Disposition: attachment; name=model"), "must say"),
        (headed(b"Content-Disposition: form-data; filename=model"), "plain name"),
        (headed(b"Content-Disposition: form-data; name=a; name*=utf-8''model"), "plain name"),
        (headed(b'Content-Disposition: form-data; name="a"; name="b"'), "stands twice"),
        (headed(b'Content-Disposition: form-data; name="a" b'), "stands twice"),
        (headed(b'Content-Disposition: form-data; name="a"b; filename=c'), "stands twice"),
        (headed(b'Content-Disposition: form-data; name=a"b"'), "stands twice"),
        (headed(b"Content-Disposition: form-data; name= a"), "stands twice"),
        (headed(b'Content-Disposition: form-data; name="a'), "quoted name"),
        (headed(b'Content-Disposition: form-data; filename="a\\"; name=\\"model"; name="b"'), "quoted name"),
        (headed(b"Content-Disposition: form-data; name"), "not `name=value"),
        (headed(b"Content-Disposition: form-data; ; name=model"), "not `name=value"),
        (headed(b"Content-Disposition: form-data; =model"), "not `name=value"),
        (headed(b"Content-Disposition: form-data; n\xc3\xa4me=model"), "not `name=value"),
        (headed(b'Content-Disposition: form-data; name="\xff"'), "UTF-8"),
        (form(part(b"djE=", b"Content-Transfer-Encoding: base64")), "Transfer-Encoding"),
        (form(part(b"", b"Content-Type: multipart/mixed; boundary=abc")), "multipart itself"),
    ],
)
def test_what_readers_would_read_in_two_ways_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(MultipartError, match=said):
        read_parts(body, B)


def test_a_blank_line_does_not_end_both_the_headers_and_the_value() -> None:
    body = b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n--xyz\r\n' + form(part())
    with pytest.raises(MultipartError):
        read_parts(body, B)


def test_thousands_of_parts_are_refused_in_no_time() -> None:
    started = time.monotonic()
    assert len(read_parts(form(part() * PARTS_MAX), B)) == PARTS_MAX
    with pytest.raises(MultipartError, match="more than 1000 parts"):
        read_parts(form(part() * 10_000), B)
    assert time.monotonic() - started < 2


def test_a_long_file_full_of_half_boundaries_is_searched_once() -> None:
    body = form(part(b"\r\n--xy" * 4_000_000, name=b'file"; filename="a'))
    started = time.monotonic()
    assert read_parts(body, B)[0].size == 24_000_000
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=xyz", b"xyz"),
        ('Multipart/Form-Data; charset=utf-8; Boundary="a b"', b"a b"),
        ("multipart/form-data;boundary=----WebKitFormBoundary0123456789 ", b"----WebKitFormBoundary0123456789"),
    ],
)
def test_the_boundary_stands_in_the_content_type(content_type: str, boundary: bytes) -> None:
    assert media_type(content_type) == "multipart/form-data"
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    ("content_type", "said"),
    [
        ("multipart/form-data", "names no boundary"),
        ("multipart/form-data; charset=utf-8", "names no boundary"),
        ("multipart/form-data; boundary=", "must be 1 to 70"),
        ('multipart/form-data; boundary="a "', "must be 1 to 70"),
        ("multipart/form-data; boundary=" + "a" * 71, "must be 1 to 70"),
        ("multipart/form-data; boundary=a\r\nb", "must be 1 to 70"),
        ("multipart/form-data; boundary=ä", "must be 1 to 70"),
        ("multipart/form-data; boundary=a; boundary=b", "stands twice"),
    ],
)
def test_a_hostile_boundary_is_refused(content_type: str, said: str) -> None:
    with pytest.raises(MultipartError, match=said):
        boundary_of(content_type)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=40)), min_size=1, max_size=5))
def test_what_was_put_in_comes_out(fields: list[tuple[str, bytes]]) -> None:
    body = form(*(part(value, name=name.encode()) for name, value in fields))
    found = read_parts(body, B)
    assert [(each.name, body[each.start : each.end]) for each in found] == fields


@given(st.binary(max_size=200))
def test_junk_is_refused_and_nothing_else_happens(junk: bytes) -> None:
    for body in (junk, b"--xyz\r\n" + junk, headed(b"Content-Disposition: form-data;" + junk)):
        with suppress(MultipartError):
            read_parts(body, B)
