"""The output items of a response while they are written for a client: each says its events, and what it is in the end.

Knows no provider and no usage.
"""

from collections.abc import Callable

from tollway.dialects.openai_responses.wire import annotation_of, logprob_fields
from tollway.neutral.events import TokenLogprob
from tollway.neutral.parts import Citation, Sealed
from tollway.neutral.seals import UNSEALED, marked

Fields = dict[str, object]
Emit = Callable[[str, Fields], None]
"""Takes an event's type and its other members."""

IN_PROGRESS = "in_progress"
COMPLETED = "completed"


class Written:
    """One item. `fields` is the item as it stands."""

    def __init__(self, emit: Emit, index: int, fields: Fields) -> None:
        """Take where events go, the place among the items, and the item as it begins; tell that it has begun."""
        self._emit = emit
        self._at: Fields = {"output_index": index}
        self._id = {"item_id": fields["id"], "output_index": index}
        self.fields = fields
        emit("response.output_item.added", self._at | {"item": fields})

    def close(self, status: str) -> None:
        """Tell that the item is over."""
        self.fields = self.fields | {"status": status}
        self._emit("response.output_item.done", self._at | {"item": self.fields})


class WrittenMessage(Written):
    """Words: text, and refusals to say any."""

    def __init__(self, emit: Emit, index: int, item_id: str) -> None:
        """Begin a message."""
        fields: Fields = {"id": item_id, "type": "message", "status": IN_PROGRESS, "role": "assistant", "content": []}
        super().__init__(emit, index, fields)
        self._done: list[Fields] = []
        self._texts: list[str] = []
        self._annotations: list[Fields] = []
        self._logprobs: list[Fields] = []
        self._open = ""
        """The type of the part that is open."""
        self._place: Fields = {}

    def write(self, text: str, logprobs: tuple[TokenLogprob, ...]) -> None:
        """Write more text."""
        self._begin("output_text")
        self._texts.append(text)
        likely = [logprob_fields(each) for each in logprobs]
        self._logprobs += likely
        self._emit("response.output_text.delta", self._place | {"delta": text, "logprobs": likely})

    def decline(self, text: str) -> None:
        """Write more of a refusal."""
        self._begin("refusal")
        self._texts.append(text)
        self._emit("response.refusal.delta", self._place | {"delta": text})

    def cite(self, citation: Citation) -> None:
        """Say what the text rests on; a citation without an address has no place."""
        self._begin("output_text")
        annotation = annotation_of(citation, until=sum(map(len, self._texts)))
        if annotation is not None:
            place = self._place | {"annotation_index": len(self._annotations), "annotation": annotation}
            self._annotations.append(annotation)
            self._emit("response.output_text.annotation.added", place)

    def end_part(self) -> None:
        """End the part that is open, if any is."""
        if not self._open:
            return
        part = self._part()
        text = part.get("text", part.get("refusal"))
        if self._open == "refusal":
            self._emit("response.refusal.done", self._place | {"refusal": text})
        else:
            self._emit("response.output_text.done", self._place | {"text": text, "logprobs": self._logprobs})
        self._emit("response.content_part.done", self._place | {"part": part})
        self._done.append(part)
        self._open = ""

    def close(self, status: str) -> None:
        """Tell that the message is over."""
        self.end_part()
        self.fields = self.fields | {"content": self._done}
        super().close(status)

    def _begin(self, kind: str) -> None:
        if self._open == kind:
            return
        self.end_part()
        self._open = kind
        self._texts, self._annotations, self._logprobs = [], [], []
        self._place = self._id | {"content_index": len(self._done)}
        self._emit("response.content_part.added", self._place | {"part": self._part()})

    def _part(self) -> Fields:
        text = "".join(self._texts)
        if self._open == "refusal":
            return {"type": "refusal", "refusal": text}
        return {
            "type": "output_text",
            "text": text,
            "annotations": list(self._annotations),
            "logprobs": list(self._logprobs),
        }


class WrittenReasoning(Written):
    """Thoughts, shown as their summary: that is what clients of this dialect show."""

    def __init__(self, emit: Emit, index: int, item_id: str) -> None:
        """Begin a reasoning."""
        super().__init__(emit, index, {"id": item_id, "type": "reasoning", "summary": [], "status": IN_PROGRESS})
        self._texts: list[str] = []
        self._place = self._id | {"summary_index": 0}
        self._sealed: Sealed | None = None

    def write(self, text: str) -> None:
        """Write more of the thoughts."""
        if not self._texts:
            part: Fields = {"type": "summary_text", "text": ""}
            self._emit("response.reasoning_summary_part.added", self._place | {"part": part})
        self._texts.append(text)
        self._emit("response.reasoning_summary_text.delta", self._place | {"delta": text})

    def seal(self, sealed: Sealed) -> None:
        """Take the seal."""
        self._sealed = sealed

    def close(self, status: str) -> None:
        """Tell that the reasoning is over."""
        if self._texts:
            text = "".join(self._texts)
            part: Fields = {"type": "summary_text", "text": text}
            self._emit("response.reasoning_summary_text.done", self._place | {"text": text})
            self._emit("response.reasoning_summary_part.done", self._place | {"part": part})
            self.fields = self.fields | {"summary": [part]}
        sealed = UNSEALED if self._sealed is None else marked(self._sealed)
        self.fields = self.fields | {"encrypted_content": sealed}
        super().close(status)


class WrittenCall(Written):
    """The wish for a tool."""

    def __init__(self, emit: Emit, index: int, fields: Fields) -> None:
        """Begin a call: `fields` has `id`, `type`, `call_id` and `name`."""
        self._custom = fields["type"] == "custom_tool_call"
        self._name = "input" if self._custom else "arguments"
        kind = "custom_tool_call_input" if self._custom else "function_call_arguments"
        self._delta, self._whole = f"response.{kind}.delta", f"response.{kind}.done"
        self._texts: list[str] = []
        super().__init__(emit, index, fields | {self._name: "", "status": IN_PROGRESS})

    def write(self, text: str) -> None:
        """Write more of the arguments."""
        self._texts.append(text)
        self._emit(self._delta, self._id | {"delta": text})

    def close(self, status: str) -> None:
        """Tell that the call is whole."""
        text = "".join(self._texts)
        told = self._id | {self._name: text}
        self._emit(self._whole, told if self._custom else told | {"name": self.fields["name"]})
        self.fields = self.fields | {self._name: text}
        super().close(status)


class WrittenImage(Written):
    """A picture."""

    def __init__(self, emit: Emit, index: int, fields: Fields) -> None:
        """Write it: `fields` has `id` and `result`."""
        super().__init__(emit, index, {**fields, "type": "image_generation_call", "status": "generating"})
