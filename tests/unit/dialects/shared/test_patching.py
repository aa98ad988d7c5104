"""Edits of a body: what they say happens, and every other byte stays."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.dialects.patching import Patch, finished, patch_body
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.errors import Refusal

NAMES = st.sampled_from(["model", "a", "b", "seed", 'q"uote', "ü", "back\\slash", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('ab"\\{}[],:ü'), max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)
SPACES = st.sampled_from([b"", b" ", b"\n\t", b" \r\n "])


@st.composite
def written(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """Return an object, and one of the ways to write it down."""
    found = draw(OBJECTS)
    if draw(st.booleans()):
        found = {"model": "m", **found, "model": "m"}  # noqa: F601  at the place where it stands
    members = [
        b"".join(
            (
                draw(SPACES),
                json.dumps(name, ensure_ascii=draw(st.booleans())).encode(),
                draw(SPACES),
                b":",
                draw(SPACES),
                json.dumps(value, ensure_ascii=draw(st.booleans())).encode(),
                draw(SPACES),
            )
        )
        for name, value in found.items()
    ]
    inside = b",".join(members) if members else draw(SPACES)
    return found, draw(SPACES) + b"{" + inside + b"}" + draw(SPACES)


def edits(**given_: Any) -> RequestEdits:
    """Return edits that leave the model as it is."""
    return RequestEdits(**{"model_routed": "m", **given_})


def patched(body: bytes, **given_: Any) -> PatchedRequest:
    """Return a body with edits, its model among its members."""
    return patch_body(body, edits(**given_), model="model")


@given(written(), st.sets(NAMES), st.sets(NAMES), st.dictionaries(NAMES, VALUES, max_size=2))
def test_a_patched_body_says_what_was_said_and_what_was_edited(
    body: tuple[dict[str, Any], bytes], unsupported: set[str], removed: set[str], added: dict[str, Any]
) -> None:
    before, text = body
    made = patch_body(
        text, edits(unsupported=frozenset(unsupported), removed=frozenset(removed), added=added), model=None
    )
    expected = {name: value for name, value in before.items() if name not in unsupported | removed}
    expected |= {name: value for name, value in added.items() if name not in before}
    assert json.loads(made.body, object_pairs_hook=list) == _pairs(expected)
    assert made.dropped == tuple(name for name, value in before.items() if name in unsupported and value is not None)
    if list(expected) == list(before):
        assert made.body is text
        assert made.lane is Lane.VERBATIM
    else:
        assert made.lane is Lane.PATCHED


def _pairs(value: Any) -> Any:
    """Return an object as pairs, in which a name that stands twice would show."""
    if isinstance(value, dict):
        return [(name, _pairs(inner)) for name, inner in value.items()]
    return [_pairs(inner) for inner in value] if isinstance(value, list) else value


@given(written(), st.text(max_size=5))
def test_another_model_moves_no_other_byte(body: tuple[dict[str, Any], bytes], routed: str) -> None:
    before, text = body
    made = patch_body(text, edits(model_routed=routed), model="model")
    assert json.loads(made.body) == {**before, "model": routed}
    if before.get("model") == routed:
        assert made.body is text
    start = next(at for at in range(len(text) + 1) if at == len(text) or made.body[at : at + 1] != text[at : at + 1])
    tail = len(text) - start - len(json.dumps(before.get("model", "")))
    assert tail <= 0 or made.body.endswith(text[len(text) - tail :]) or "model" not in before


@given(written(), NAMES)
def test_a_new_name_moves_no_other_byte(body: tuple[dict[str, Any], bytes], name: str) -> None:
    before, text = body
    made = patch_body(text, edits(renames={name: "renamed"}), model=None)
    assert json.loads(made.body, object_pairs_hook=list) == _pairs(
        {"renamed" if known == name else known: value for known, value in before.items()}
    )
    if name not in before:
        assert made.body is text


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ({"a"}, b'{ "b" : 2 , "c": 3 }'),
        ({"b"}, b'{ "a": 1 , "c": 3 }'),
        ({"c"}, b'{ "a": 1 , "b" : 2 }'),
        ({"a", "b"}, b'{ "c": 3 }'),
        ({"b", "c"}, b'{ "a": 1 }'),
        ({"a", "c"}, b'{ "b" : 2 }'),
        ({"a", "b", "c"}, b"{  }"),
    ],
)
def test_what_is_left_out_takes_one_comma_with_it(gone: set[str], expected: bytes) -> None:
    body = b'{ "a": 1 , "b" : 2 , "c": 3 }'
    assert patch_body(body, edits(removed=frozenset(gone)), model=None).body == expected


def test_what_is_added_comes_behind_what_is_left() -> None:
    body = b'{"a":1, "b":2 }'
    assert patch_body(body, edits(removed=frozenset("a"), added={"x": 1}), model=None).body == b'{"b":2,"x":1 }'
    assert patch_body(body, edits(removed=frozenset("b"), added={"x": 1}), model=None).body == b'{"a":1,"x":1 }'
    assert patch_body(body, edits(removed=frozenset("ab"), added={"x": 1}), model=None).body == b'{"x":1}'
    assert patch_body(b" { } ", edits(added={"x": None}), model=None).body == b'{"x":null}'


def test_a_member_that_is_left_out_is_not_edited_first() -> None:
    made = patched(b'{"model":"asked","a":1}', model_routed="other", removed=frozenset(["model"]))
    assert made.body == b'{"a":1}'
    made = patched(b'{"model":"m","a":1}', renames={"a": "b"}, unsupported=frozenset("a"))
    assert (made.body, made.dropped) == (b'{"model":"m"}', ("a",))


def test_two_names_for_one_thing_are_refused() -> None:
    for body in (b'{"a":1,"b":2}', b'{"b":2,"a":1}'):
        with pytest.raises(Refusal, match="not both") as refused:
            patch_body(body, edits(renames={"a": "b"}), model=None)
        assert (refused.value.code, refused.value.param) == ("invalid_request", "a")
    with pytest.raises(Refusal, match="not both"):
        patch_body(b'{"a":1,"b":2}', edits(renames={"a": "x", "b": "x"}), model=None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1,"b":null}', b'{"b":1}'),
        (b'{"b":null,"a":1}', b'{"b":1}'),
        (b'{"a":null,"b":2}', b'{"b":2}'),
        (b'{"b":2,"a":null}', b'{"b":2}'),
        (b'{"a":null,"b":null}', b'{"b":null}'),
        (b'{"a":null}', b'{"b":null}'),
    ],
)
def test_null_says_nothing_and_gives_way(body: bytes, expected: bytes) -> None:
    assert patch_body(body, edits(renames={"a": "b"}), model=None).body == expected


@pytest.mark.parametrize("body", [b'{"a":null,"b":null}', b'{"b":null,"a":null}', b'{"a":null}', b"{}"])
def test_a_value_that_was_set_is_not_lost_to_a_null(body: bytes) -> None:
    patch = Patch(body)
    patch.set("b", b"7")
    patch.rename({"a": "b"})
    assert patch.made().body == b'{"b":7}'


def test_what_is_demanded_is_there_once() -> None:
    assert patched(b'{"model":"m","a":1}', renames={"a": "b"}, added={"b": 2}).body == b'{"model":"m","b":1}'
    patch = Patch(b"{}")
    patch.set("b", b"7")
    patch.add_missing({"b": 2, "c": 3})
    assert patch.made().body == b'{"b":7,"c":3}'


def test_a_value_is_shown_in_its_very_bytes() -> None:
    patch = Patch(b'{"a": 1.50 }')
    assert patch.value("a") == b"1.50"
    assert patch.value("b") is None
    patch.set("a", b"1.50")
    assert patch.made().lane is Lane.VERBATIM


def test_a_body_that_nothing_is_asked_of_is_not_even_looked_at() -> None:
    assert patch_body(b"no JSON", edits(), model=None) == PatchedRequest(b"no JSON", Lane.VERBATIM)


FIELDS: dict[str, object] = {"model": "m", "a": 1, "b": 2, "c": 3}


def test_a_new_body_is_varied_as_the_profile_says() -> None:
    body, dropped = finished(
        dict(FIELDS),
        edits(renames={"a": "x"}, unsupported=frozenset("b"), removed=frozenset("c"), added={"d": 4, "model": "n"}),
        ["seed", "seed"],
    )
    assert msgspec.json.decode(body) == {"model": "m", "x": 1, "d": 4}
    assert dropped == ("seed", "b")


def test_what_was_left_out_is_named_in_the_order_of_the_body() -> None:
    names = [f"field_{number}" for number in range(9)]
    _, dropped = finished(dict.fromkeys(names, 1), edits(unsupported=frozenset(names)), [])
    assert dropped == tuple(names)


def test_names_that_trade_places_do() -> None:
    body, _ = finished({"a": 1, "b": 2}, edits(renames={"a": "b", "b": "a"}), [])
    assert msgspec.json.decode(body) == {"b": 1, "a": 2}


def test_a_new_body_does_not_lose_one_of_two_under_one_name() -> None:
    for fields in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        with pytest.raises(Refusal, match="not both"):
            finished(dict(fields), edits(renames={"a": "b"}), [])


def test_the_list_of_what_was_left_out_stays_its_callers() -> None:
    dropped = ["seed"]
    finished(dict(FIELDS), edits(unsupported=frozenset("a")), dropped)
    assert dropped == ["seed"]
