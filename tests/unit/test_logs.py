"""Log lines: one JSON object each, ours and the libraries', without secrets, and without taking anybody down."""

import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tollway.logs import JsonLines, Lossy, configure, get_log

LOG = get_log("tollway.somewhere")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("tollway").setLevel(logging.NOTSET)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    configure(secrets=["sk-first-secret", "sk-first-secret-that-is-longer", "short"])
    return file


def lines(said: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_a_line_is_one_object_that_says_what_when_and_how_grave(said: io.StringIO) -> None:
    LOG.info("a message was heard", about="x", count=3, odd={1})
    LOG.warning("one")
    LOG.error("two 100%")
    first, second, third = lines(said)
    assert first.pop("timestamp").endswith("Z")
    assert first == {"event": "a message was heard", "level": "info", "about": "x", "count": 3, "odd": "{1}"}
    assert (second["level"], third["level"], third["event"]) == ("warning", "error", "two 100%")


def test_secrets_are_struck_out_of_words_and_tracebacks(said: io.StringIO) -> None:
    try:
        raise ValueError("sk-first-secret-that-is-longer")
    except ValueError:
        LOG.exception("it failed with sk-first-secret", key="sk-first-secret-that-is-longer", other="short")
    (line,) = lines(said)
    assert (line["event"], line["key"], line["other"]) == ("it failed with [secret]", "[secret]", "short")
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: [secret]")


def test_libraries_are_heard_when_something_is_wrong(said: io.StringIO) -> None:
    logging.getLogger("library").info("all is well")
    logging.getLogger("library").warning("no answer from %s", "sk-first-secret")
    (line,) = lines(said)
    assert (line["event"], line["level"]) == ("no answer from [secret]", "warning")


def test_what_is_no_text_is_written_all_the_same(said: io.StringIO) -> None:
    # pytest keeps what is logged for its report, which no such text can be sent in from one process to another.
    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if type(each).__module__ != "_pytest.logging"]
    LOG.warning("odd \ud800", name="line\nbreak")
    (line,) = lines(said)
    assert line["name"] == "line\nbreak"


def test_a_line_that_cannot_be_written_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    configure(secrets=())
    LOG.error("nobody reads this")
    assert Lossy(closed).write("four") == 4


def test_without_standard_error_nothing_is_written_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    configure(secrets=())
    (handler,) = (each for each in logging.getLogger().handlers if isinstance(each.formatter, JsonLines))
    monkeypatch.setattr(handler, "handleError", None)
    LOG.error("nobody reads this")


def test_a_reader_that_stands_still_stops_nobody_and_is_told_of_what_it_missed() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="ascii") as file:
        log = Lossy(file)
        line = "x" * 99 + "\n"
        for _ in range(2000):
            assert log.write(line) == 100
        before, lost = os.read(reading, 1 << 20), log.lost
        assert len(before) < 100 * 2000
        log.write(line)
        first, *rest = os.read(reading, 1 << 20).decode().splitlines()
        os.close(reading)

    assert lost + len(before) // 100 == 2000
    assert json.loads(first)["count"] == lost
    assert rest == [line.strip()]
    assert log.lost == 0


def test_a_long_line_that_is_torn_is_not_joined_to_the_next() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="ascii") as file:
        log = Lossy(file)
        log.write("y" * 200_000 + "\n")
        torn = os.read(reading, 1 << 20)
        assert 0 < len(torn) < 200_000
        log.write("next\n")
        assert os.read(reading, 1 << 20).splitlines()[0] == b""
        os.close(reading)


def test_a_torn_line_stays_apart_though_others_are_lost_behind_it() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="ascii") as file:
        log = Lossy(file)
        for _ in range(3):
            log.write("y" * 200_000 + "\n")
        os.read(reading, 1 << 20)
        log.write("next\n")
        _, told, following = os.read(reading, 1 << 20).splitlines()
        os.close(reading)
    assert json.loads(told)["count"] == 3
    assert following == b"next"
