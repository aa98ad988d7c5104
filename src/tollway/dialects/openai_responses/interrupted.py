"""What a stream has shown so far, for the response that ends it early. Knows no price.

The items are kept as the provider wrote them; of one that is not done, the text comes from its deltas.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw

from tollway.dialects.openai_responses.answer import word

_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode

_INCOMPLETE = Raw(b'"incomplete"')
_REASON = Raw(b'{"reason":"max_output_tokens"}')
_PARTS: dict[str | None, tuple[str, dict[str, object]]] = {
    "message": ("content", {"type": "output_text", "annotations": []}),
    "reasoning": ("summary", {"type": "summary_text"}),
}
"""Where the text of an item stands, by the item's type, and what it stands in."""
_PLAIN: dict[str | None, str] = {"function_call": "arguments", "custom_tool_call": "input"}
"""The same for those whose text stands alone."""


class Interrupted:
    """One response on its way."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._response: Raw = Raw(b"{}")
        self._done: dict[int, Raw] = {}
        self._open: dict[int, Raw] = {}
        self._texts: dict[int, list[str]] = {}

    def begin(self, response: Raw) -> None:
        """Take the response as the provider last described it."""
        self._response = response

    def open(self, index: int, item: Raw) -> int:
        """Take a new item; return the bytes of the name that the model wrote, if it calls a tool."""
        self._open[index] = item
        self._texts[index] = []
        return len((word(_members(item).get("name", UNSET)) or "").encode())

    def write(self, index: int, text: str) -> None:
        """Take more of an item's text."""
        texts = self._texts.get(index)
        if texts is not None:
            texts.append(text)

    def done(self, index: int, item: Raw) -> None:
        """Take an item that is whole."""
        self._done[index] = item
        self._open.pop(index, None)
        self._texts.pop(index, None)

    def incomplete(self, number: int, usage: bytes) -> bytes:
        """Return the event that ends the stream as at its output limit."""
        fields = _members(self._response)
        items = self._done | {index: self._cut_off(index, item) for index, item in self._open.items()}
        fields["status"] = _INCOMPLETE
        fields["incomplete_details"] = _REASON
        fields["output"] = Raw(_ENCODE([items[index] for index in sorted(items)]))
        fields["usage"] = Raw(usage)
        event = {"type": "response.incomplete", "sequence_number": number, "response": fields}
        return b"event: response.incomplete\ndata: %b\n\n" % _ENCODE(event).replace(b"\n", b" ")

    def _cut_off(self, index: int, item: Raw) -> Raw:
        fields: dict[str, Any] = dict(_members(item))
        kind, text = word(fields.get("type", UNSET)), "".join(self._texts[index])
        if kind in _PARTS:
            name, part = _PARTS[kind]
            fields[name] = [part | {"text": text}]
        elif kind in _PLAIN:
            fields[_PLAIN[kind]] = text
        fields["status"] = _INCOMPLETE
        return Raw(_ENCODE(fields))


def _members(value: Raw) -> dict[str, Raw]:
    try:
        return _FIELDS.decode(value)
    except msgspec.ValidationError:
        return {}
