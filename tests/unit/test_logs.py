"""Log lines: one JSON object each, ours and the libraries', without secrets, and without taking anybody down."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tollway.logs import Lossy, configure, get_log

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
