"""Schemas of the arguments of tools, as APIs demand them and JSON Schema does not. Knows no dialect.

Tools of MCP servers without arguments often say `{"type": "object"}` or nothing: OpenAI answers 400 to an object without
`properties`, and others to a schema without `type`.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode
_DEFAULTS: Mapping[str, Raw] = {"type": Raw(b'"object"'), "properties": Raw(b"{}")}

ANY_OBJECT = Raw(b'{"type":"object","properties":{}}')
"""Of a tool without a schema."""


def of_object(schema: Raw | None) -> Raw:
    """Return a schema that says `type` and `properties`: the very bytes where it does.

    What is no object at all is left for its reader to judge.
    """
    if schema is None:
        return ANY_OBJECT
    try:
        said = _MEMBERS.decode(schema)
    except msgspec.ValidationError:
        return schema
    missing = {name: value for name, value in _DEFAULTS.items() if name not in said}
    return Raw(_ENCODE(said | missing)) if missing else schema
