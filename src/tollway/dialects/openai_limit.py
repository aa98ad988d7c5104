"""The limit on output under a name that is not OpenAI's, and that a server of OpenAI's dialects heeds. Knows no provider.

llama.cpp's server copies what it does not know of a body into its own settings, where `n_predict` is the limit: it wins
over `max_tokens` and all others. What was priced must be what is written.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from tollway.dialects.patching import Patch

FOREIGN = "n_predict"
FOREIGN_MAX = 2**31 - 1

Foreign = Annotated[int, Meta(le=FOREIGN_MAX)]

_NUMBER = msgspec.json.Decoder(int)

MUST_BE = f"`{FOREIGN}` must be a whole number of at most {FOREIGN_MAX}"


def with_foreign(limit: int | None, foreign: int | None) -> int | None:
    """Return the limit that may be paid, of the client's own and the foreign one: the larger one.

    Alone the foreign one is none, for most servers do not know it; and without being positive it means no limit.
    """
    if limit is None or foreign is None:
        return limit
    return max(limit, foreign) if foreign > 0 else None


def limit_foreign(patch: Patch, limit: int) -> None:
    """Make the foreign limit `limit` at most, where the body has one."""
    given = patch.value(FOREIGN)
    if given is not None and given != b"null" and not 0 < _NUMBER.decode(given) <= limit:
        patch.set(FOREIGN, b"%d" % limit)
