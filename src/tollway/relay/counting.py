"""Token counts by estimate, for models whose provider does not count in the dialect that asks. Asks nobody; no I/O.

Programs ask how long a conversation is before each turn, to decide when to shorten it: an estimate that says that it is
one serves them, and an error does not.
"""

from tollway.catalog.records import Target
from tollway.neutral.peek import Peek
from tollway.pricing.estimate import estimated_usage
from tollway.relay.arrival import Arrival

NOTICE = "estimated: input_tokens"
"""What the warning header says of such a count."""


def estimated_count(arrival: Arrival, peek: Peek, target: Target) -> bytes | None:
    """Return the answer to a request to count tokens; None where the target is to be asked."""
    render_count = arrival.dialect.render_count
    if render_count is None or arrival.translate is False:
        return None
    if target.provider.speaking(arrival.dialect.name, target.model_routed) is not None:
        return None
    usage = estimated_usage(body_bytes=peek.body_bytes, text_bytes=0, events=0)
    return render_count(usage.input or 0)
