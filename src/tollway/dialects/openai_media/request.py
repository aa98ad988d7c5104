"""Edits of a request for sounds, pictures or a judgement, for one provider: every other byte stays. Knows no provider.

The body has been peeked at: it is one JSON object in which no key stands twice, or a form that can be read.
"""

from tollway.dialects.openai_media.form import patch_form
from tollway.dialects.patching import patch_body
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.errors import Refusal
from tollway.neutral.peek import Peek


def patch_request(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for the provider: the very bytes when nothing must change.

    Raises Refusal when the money covers less than the whole answer: none of these requests has a word for a limit.
    """
    if edits.output_tokens_max is not None:
        raise Refusal(
            "insufficient_quota",
            "The balance does not cover the most that this request may cost, and a request of this kind cannot be "
            "limited: add credit, or ask for less.",
        )
    if body.startswith(b"--"):  # no JSON begins so, and every form does
        if edits.model_routed == peek.model_asked and not (
            edits.renames or edits.unsupported or edits.added or edits.removed
        ):
            return PatchedRequest(body, Lane.VERBATIM)  # searching megabytes a second time costs milliseconds
        return patch_form(body, edits)
    return patch_body(body, edits, model="model")
