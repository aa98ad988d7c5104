"""Gemini's own schemas, an OpenAPI subset, as JSON schemas: types in lower case, `nullable` as a type. Pure.

The other way is not needed: the dialect has members that take JSON schemas as they are.
"""

from typing import cast

from tollway.dialects.body import refused

_COUNTS = ("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength")
"""What Google's JSON may write as strings."""

_DEPTH_MAX = 64


def as_json_schema(value: object, path: str, depth: int = 0) -> dict[str, object]:
    """Return a JSON schema of the same meaning; what the form does not know is kept as it is.

    `propertyOrdering` becomes the order of the properties, which is what other providers go by.
    """
    if not isinstance(value, dict):
        raise refused(f"`{path}` must be a schema: an object", param=path)
    if depth > _DEPTH_MAX:
        raise refused(f"`{path}` is nested too deeply", param=path)
    found = {_camel(name): each for name, each in cast(dict[str, object], value).items() if each is not None}
    schema: dict[str, object] = {}
    ordering, nullable = found.pop("propertyOrdering", None), found.pop("nullable", False) is True
    for name, each in found.items():
        if name == "properties" and isinstance(each, dict):
            inner = cast(dict[str, object], each)
            schema[name] = {
                member: as_json_schema(inner[member], f"{path}.properties.{member}", depth + 1)
                for member in _ordered(list(inner), ordering)
            }
        elif name == "items":
            schema[name] = as_json_schema(each, f"{path}.items", depth + 1)
        elif name == "anyOf" and isinstance(each, list):
            schema[name] = [
                as_json_schema(one, f"{path}.anyOf[{place}]", depth + 1)
                for place, one in enumerate(cast(list[object], each))
            ]
        else:
            schema |= _plain(name, each)
    if nullable and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if nullable and isinstance(schema.get("enum"), list):
        schema["enum"] = [*cast(list[object], schema["enum"]), None]
    return schema


def _plain(name: str, value: object) -> dict[str, object]:
    """Return a member that holds no schema."""
    if name == "type" and isinstance(value, str):
        return {} if value.upper() == "TYPE_UNSPECIFIED" else {name: value.lower()}
    if name == "example":
        return {"examples": [value]}
    if name == "format" and value == "enum":
        return {}
    return {name: int(value) if name in _COUNTS and isinstance(value, str) and value.isdecimal() else value}


def _ordered(names: list[str], ordering: object) -> list[str]:
    if not isinstance(ordering, list):
        return names
    first = [name for name in cast(list[object], ordering) if isinstance(name, str) and name in names]
    return first + [name for name in names if name not in first]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest) if head else name
