"""The places of the members of a JSON object."""

import json

import pytest

from tollway.dialects.members import (
    MembersError,
    append_members,
    known_value_start,
    member_names,
    member_names_bounded,
    members,
    replace_spans,
)

ODD = b' {"a\\"b" : 1 ,\n"c\\\\":"}\\"",\t"c\\\\":[{"c":2}],"\\u0063":null , "\xc3\xa4" :{} } '


def test_every_member_has_its_exact_place_even_when_its_name_is_repeated_or_escaped() -> None:
    found = members(ODD)
    assert [member.name for member in found] == ['a"b', "c\\", "c\\", "c", "ä"]
    assert [ODD[member.start : member.end] for member in found] == [b"1", b'"}\\""', b'[{"c":2}]', b"null", b"{}"]
    assert [json.loads(ODD[member.name_start : member.name_end]) for member in found] == member_names(ODD)


def test_an_object_without_members_has_none() -> None:
    assert members(b" { } ") == []


def test_spans_are_replaced_and_nothing_else() -> None:
    assert replace_spans(b"0123456789", [(0, 1, b"a"), (4, 4, b"bc"), (9, 10, b"")]) == b"a123bc45678"


@pytest.mark.parametrize(
    ("body", "longer"),
    [(b"{}", b'{"x":1}'), (b" { } \n", b' {"x":1 } \n'), (b'{"a":{}\n}', b'{"a":{},"x":1\n}')],
)
def test_a_member_can_be_appended(body: bytes, longer: bytes) -> None:
    assert append_members(body, b'"x":1') == longer


@pytest.mark.parametrize(
    ("body", "start"),
    [
        (b'{"model" : "a"}', 11),
        (b'{"model":"a","x":{"model":"b"}}', None),
        (b'{"m":"a"}', None),
        (b'{"model":"a","x":"\\u00e4"}', None),
        (b'{"model":"a","x":"\\n"}', 9),
    ],
)
def test_a_place_is_known_without_a_decode_only_when_it_is_certain(body: bytes, start: int | None) -> None:
    assert known_value_start(body, b'"model"') == start


def test_names_are_counted_before_they_fill_the_memory() -> None:
    body = b'{"a":1' + b',"a":1' * 9 + b"}"
    assert member_names_bounded(body, 10) == ["a"] * 10
    with pytest.raises(MembersError):
        member_names_bounded(body, 9)
