"""Every recorded request of two client dialects, written for Converse: Amazon's own library has nothing against any."""

import pytest

from tests.aws_library import mistakes_in_converse
from tests.recordings.corpus import Recording, chats, messages
from tollway.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from tollway.dialects.bedrock_converse.render_request import render_request
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.record import PLAIN_CALL, Dialect, RequestEdits
from tollway.errors import Refusal

EDITS = RequestEdits(model_routed="m", issuer="bedrock", options={"thinking": "thinking", "top_k": "top_k"})


def written(dialect: Dialect, body: bytes) -> bytes | None:
    """The body for Converse; None when the client or Tollway refuses it."""
    assert dialect.chat is not None
    assert dialect.chat.parse_request is not None
    try:
        return render_request(dialect.chat.parse_request(body, dialect.peek(body, PLAIN_CALL)), EDITS).body
    except Refusal:
        return None


def bodies(recordings: tuple[Recording, ...]) -> list[bytes]:
    counted = "count_tokens"
    return sorted({one.request for one in recordings if one.request and counted not in one.name})


def test_recorded_chats_can_be_asked_of_converse() -> None:
    asked = [written(OPENAI_CHAT, body) for body in bodies(chats())]
    bodies_written = [body for body in asked if body is not None]
    assert [mistake for body in bodies_written if (mistake := mistakes_in_converse(body))] == []
    assert len(bodies_written) > 0.95 * len(asked) > 400


def test_recorded_messages_can_be_asked_of_converse() -> None:
    asked = [written(ANTHROPIC_MESSAGES, body) for body in bodies(messages())]
    bodies_written = [body for body in asked if body is not None]
    assert [mistake for body in bodies_written if (mistake := mistakes_in_converse(body))] == []
    assert len(bodies_written) > 0.85 * len(asked) > 50


@pytest.mark.parametrize("kind", ["chats", "messages"])
def test_there_are_recordings(kind: str) -> None:
    assert bodies({"chats": chats, "messages": messages}[kind]())
