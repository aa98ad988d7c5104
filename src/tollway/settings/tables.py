"""Reads one TOML table into one record, noting every mistake. Knows records by their fields, and no setting by name."""

import difflib
from collections.abc import Mapping
from enum import EnumType
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from tollway.settings.fields import FieldError, FileRule, OneOrMany, Reading, Rule

Record = TypeVar("Record", bound=msgspec.Struct)

_WORDS = (
    ("Expected `int`", "must be a whole number"),
    ("Expected `float`", "must be a number"),
    ("Expected `str`", "must be text"),
    ("Expected `bool`", "must be true or false"),
    ("Expected `array`", "must be a list"),
    (", got `str`", ", not text"),
    (", got `int`", ", not a whole number"),
    (", got `float`", ", not a number with a fraction"),
    (", got `bool`", ", not true or false"),
    (", got `array`", ", not a list"),
    (", got `object`", ", not a table"),
)


Hint = Any
"""A type as annotations give it: a class, a union, a generic."""

RecordType = type[msgspec.Struct]


class Kind(NamedTuple):
    """One field of a record: how it is called in TOML and what it takes."""

    field: str
    name: str
    required: bool
    hint: Hint
    """The type of its value, for what no rule reads."""
    rule: Rule | FileRule | None
    record: RecordType | None
    """Set for a table (or, with `many`, a list of tables) of its own."""
    many: bool
    alone: bool
    """Of many, one may stand without a list."""


@cache
def kinds_of(record: RecordType) -> Mapping[str, Kind]:
    """Return the fields of `record` by the name they have in TOML."""
    hints = get_type_hints(record, include_extras=True)
    kinds = (_kind(field, hints[field.name]) for field in msgspec.structs.fields(record))
    return {kind.name: kind for kind in kinds}


def _kind(field: msgspec.structs.FieldInfo, hint: Hint) -> Kind:
    if get_origin(hint) in (Union, UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    extras = getattr(hint, "__metadata__", ())
    rules = [extra for extra in extras if isinstance(extra, (Rule, FileRule))]
    alone = any(isinstance(extra, OneOrMany) for extra in extras)
    hint = get_args(hint)[0] if alone else hint
    many = get_origin(hint) is tuple
    inner = get_args(hint)[0] if many else hint
    record = inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None
    return Kind(
        field=field.name,
        name=field.encode_name,
        required=field.required,
        hint=hint,
        rule=rules[0] if rules else None,
        record=record,
        many=many,
        alone=alone,
    )


def read_table(record: type[Record], table: object, place: str, reading: Reading) -> Record:
    """Return the record that `table` describes, and note what is wrong with it below `place`.

    A field that is wrong holds its default, or an empty value where it has none: with mistakes noted, the record is
    only good for looking for further ones.
    """
    kinds = kinds_of(record)
    values: dict[str, object] = {}
    if not isinstance(table, dict):
        reading.mistakes.add(place, f"must be a table with {_listed(kinds)}")
        return record(**_completed(kinds, values))
    items = cast("dict[str, object]", table)
    for name in items:
        if name not in kinds:
            reading.mistakes.add(f"{place}: {name}", unknown_key(name, kinds))
    for kind in kinds.values():
        if kind.name in items:
            values[kind.field] = _read_value(kind, items[kind.name], f"{place}: {kind.name}", reading)
        elif kind.required:
            reading.mistakes.add(f"{place}: {kind.name}", "is missing")
    return record(**_completed(kinds, values))


def read_tables(record: type[Record], tables: object, place: str, reading: Reading) -> tuple[Record, ...]:
    """Return the records of a list of tables, one for each entry, whether right or wrong."""
    if not isinstance(tables, list):
        reading.mistakes.add(place, "must be a list of tables")
        return ()
    entries = cast("list[object]", tables)
    return tuple(read_table(record, entry, entry_place(place, n, entry), reading) for n, entry in enumerate(entries, 1))


def entry_place(place: str, number: int, entry: object) -> str:
    """Return how the entry of a list is named in messages: by its number (from 1) and, where it has one, its name."""
    if isinstance(entry, dict):
        fields = cast("dict[str, object]", entry)
        for key in ("name", "id"):
            if isinstance(fields.get(key), str):
                return f'{place} {number} ({key} "{str(fields[key])[:80]}")'
    return f"{place} {number}"


def unknown_key(name: str, known: Mapping[str, object]) -> str:
    """Return the sentence about a key that means nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known here: {_listed(known)}"
    return f"is not a setting; {hint}"


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names)


def _read_value(kind: Kind, value: object, place: str, reading: Reading) -> object:
    if kind.record is not None:
        if kind.alone and isinstance(value, dict):
            return (read_table(kind.record, cast("object", value), place, reading),)
        read = read_tables if kind.many else read_table
        return read(kind.record, value, place, reading)
    try:
        if isinstance(kind.rule, FileRule):
            return kind.rule.read(value, reading)
        if kind.rule is not None:
            return kind.rule.read(value)
        return msgspec.convert(value, kind.hint)
    except FieldError as error:
        reading.mistakes.add(place, str(error))
    except msgspec.ValidationError as error:
        reading.mistakes.add(place, _plain(str(error), kind.hint))
    return _MISSING


def _plain(message: str, wanted: Hint) -> str:
    if isinstance(wanted, EnumType):
        return "must be one of " + ", ".join(f'"{choice.value}"' for choice in cast("Any", wanted))
    message = message.partition(" - at ")[0]
    for theirs, ours in _WORDS:
        message = message.replace(theirs, ours)
    return message


_MISSING = object()
_EMPTY: Mapping[Any, object] = {str: "", int: 0}


def _completed(kinds: Mapping[str, Kind], values: dict[str, object]) -> dict[str, Any]:
    """Leave out what is wrong where a default holds; give an empty value where none does."""
    complete = {field: value for field, value in values.items() if value is not _MISSING}
    for kind in kinds.values():
        if kind.required and kind.field not in complete:
            plain = getattr(kind.hint, "__origin__", kind.hint)
            complete[kind.field] = () if kind.many else _EMPTY[plain]
    return complete
