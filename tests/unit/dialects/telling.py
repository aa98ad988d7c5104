"""What a pipe of a stream says of what it is fed: two pipes that say the same are the same to a client and on its bill."""

from typing import Any

from tests.unit.dialects.chunks import COSTS, ERROR, ESTIMATE
from tollway.dialects.openai_chat.stream import ChatStream
from tollway.dialects.passing import PassingStream


def told(pipe: ChatStream | PassingStream, reads: list[bytes]) -> list[Any]:
    """Return what a pipe says after each read, its facts, and both ends that it would have now."""
    said: list[Any] = []
    for read in reads:
        freed = pipe.feed(read)
        failure = None if pipe.failure is None else pipe.failure.message
        said.append((freed, pipe.delivered_events, pipe.delivered_text_bytes, pipe.finished, pipe.ended, failure))
    facts = (pipe.usage, pipe.model_answered, pipe.service_tier, pipe.provider_cost_nanos)
    return [*said, facts, pipe.end(None, None), pipe.cut(ERROR, COSTS, ESTIMATE)]
