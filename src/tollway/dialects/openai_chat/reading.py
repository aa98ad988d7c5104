"""A provider's answers, whole and streamed, on their way into the neutral form. Knows no provider by name."""

from tollway.dialects.openai_chat.choices import ChatChoices
from tollway.dialects.openai_chat.spoken import decode_body
from tollway.dialects.openai_reading import ChunkReader, read_whole
from tollway.neutral.answer import ChatAnswer, fold


def parse_answer(body: bytes) -> ChatAnswer:
    """Return what a whole answer says; raises UpstreamFailure JUNK."""
    return fold(read_whole(decode_body, ChatChoices("message"), body, what="a chat completion"))


def open_reader() -> ChunkReader:
    """Return the reader of one stream."""
    return ChunkReader(decode_body, ChatChoices("delta"))
