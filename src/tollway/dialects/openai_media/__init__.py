"""OpenAI's endpoints for pictures, sounds and judgements, as bytes and facts; no I/O."""

from tollway.dialects.error_body import parse_error, render_error
from tollway.dialects.openai_media.answer import (
    read_moderation,
    read_pictures,
    read_speech,
    read_transcript,
    splice_cost,
)
from tollway.dialects.openai_media.moderation import peek_moderation
from tollway.dialects.openai_media.pictures import peek_edit, peek_generation
from tollway.dialects.openai_media.request import patch_request
from tollway.dialects.openai_media.sound import peek_speech, peek_transcription
from tollway.dialects.openai_media.stream import open_media_stream, open_no_stream, open_picture_stream
from tollway.dialects.record import Dialect, Operation

__all__ = [
    "OPENAI_IMAGES",
    "OPENAI_IMAGE_EDITS",
    "OPENAI_MODERATIONS",
    "OPENAI_SPEECH",
    "OPENAI_SPEECH_TRANSLATIONS",
    "OPENAI_TRANSCRIPTIONS",
]

OPENAI_IMAGES = Dialect(
    name="openai_images",
    operation=Operation.IMAGE,
    path="/images/generations",
    peek=peek_generation,
    patch_request=patch_request,
    read_answer=read_pictures,
    splice_cost=splice_cost,
    open_stream=open_picture_stream,
    parse_error=parse_error,
    render_error=render_error,
)

OPENAI_IMAGE_EDITS = Dialect(
    name="openai_image_edits",
    operation=Operation.IMAGE_EDIT,
    path="/images/edits",
    peek=peek_edit,
    patch_request=patch_request,
    read_answer=read_pictures,
    splice_cost=splice_cost,
    open_stream=open_picture_stream,
    parse_error=parse_error,
    render_error=render_error,
)

OPENAI_SPEECH = Dialect(
    name="openai_speech",
    operation=Operation.SPEECH,
    path="/audio/speech",
    peek=peek_speech,
    patch_request=patch_request,
    read_answer=read_speech,
    splice_cost=splice_cost,
    open_stream=open_media_stream,
    parse_error=parse_error,
    render_error=render_error,
)

OPENAI_TRANSCRIPTIONS = Dialect(
    name="openai_transcriptions",
    operation=Operation.TRANSCRIPTION,
    path="/audio/transcriptions",
    peek=peek_transcription,
    patch_request=patch_request,
    read_answer=read_transcript,
    splice_cost=splice_cost,
    open_stream=open_media_stream,
    parse_error=parse_error,
    render_error=render_error,
)

OPENAI_SPEECH_TRANSLATIONS = Dialect(
    name="openai_speech_translations",
    operation=Operation.SPEECH_TRANSLATION,
    path="/audio/translations",
    peek=peek_transcription,
    patch_request=patch_request,
    read_answer=read_transcript,
    splice_cost=splice_cost,
    open_stream=open_media_stream,
    parse_error=parse_error,
    render_error=render_error,
)

OPENAI_MODERATIONS = Dialect(
    name="openai_moderations",
    operation=Operation.MODERATION,
    path="/moderations",
    peek=peek_moderation,
    patch_request=patch_request,
    read_answer=read_moderation,
    splice_cost=splice_cost,
    open_stream=open_no_stream,
    parse_error=parse_error,
    render_error=render_error,
)
