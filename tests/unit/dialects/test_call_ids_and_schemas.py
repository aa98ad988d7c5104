"""Ids of calls and schemas of tools are what the strictest API takes, and the very ones wherever they can be."""

import pytest
from msgspec import Raw

from tollway.dialects.call_ids import of_nine, within
from tollway.dialects.tool_schemas import ANY_OBJECT, of_object


def test_an_id_that_is_short_enough_stays() -> None:
    assert within("call_1", 6) == "call_1"


def test_a_long_id_becomes_a_short_one_that_is_the_same_every_time() -> None:
    made = within("x" * 41, 40)
    assert len(made) <= 40
    assert made == within("x" * 41, 40) != within("y" * 41, 40)


@pytest.mark.parametrize("call_id", ["call_1", "abcdefghij", "abcd-fghi", "äbcdefghi", "\ud800"])
def test_an_id_of_other_form_becomes_nine_letters_and_digits(call_id: str) -> None:
    made = of_nine(call_id)
    assert len(made) == 9
    assert made.isascii()
    assert made.isalnum()


def test_an_id_of_nine_letters_and_digits_stays() -> None:
    assert of_nine("aB3dE6gH9") == "aB3dE6gH9"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (None, bytes(ANY_OBJECT)),
        (b"{}", b'{"type":"object","properties":{}}'),
        (b'{"type": "object"}', b'{"type":"object","properties":{}}'),
        (b'{"properties":{"a":{}}}', b'{"properties":{"a":{}},"type":"object"}'),
        (b'{ "type": "object", "properties": {} }', b'{ "type": "object", "properties": {} }'),
        (b"true", b"true"),
    ],
)
def test_a_schema_says_that_it_is_an_object_with_properties(given: bytes | None, written: bytes) -> None:
    assert bytes(of_object(None if given is None else Raw(given))) == written
