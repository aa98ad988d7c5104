"""The ids that paths and queries name: what is none is answered like one that does not exist. Pure."""

from tollway.errors import NotThere
from tollway.ids import IdError, parse_id


def number_at(prefix: str, text: str, what: str) -> int:
    """Return the number of an id that a path names; raises NotThere, which says `what` there is not."""
    try:
        return parse_id(prefix, text)
    except IdError:
        raise NotThere(f"there is no {what} {text[:64]}") from None
